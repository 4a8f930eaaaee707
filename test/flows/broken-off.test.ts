/**
 * A process dies between any two calls of the store, before the call or before its reply: what it has left of a flow
 * others find and finish. Each member is settled once, each callback runs once, and nothing is left.
 */
import t, { type Test } from 'tap'
import { chain, chord, flow, group } from '../../lib/plugin.ts'
import { connect, errorOf, latch, randomPrefix } from '../support/helpers.ts'
import { FLOW, FlowProcess, member, type Cut, type FlowWorld, type RunMember } from '../support/flow-process.ts'

interface Scenario {
  /** What a process does: it may be cut off at any call. */
  act: (process: FlowProcess) => Promise<void>
  run: RunMember
  /** What others do before they go on with the flow, if the process was cut off. */
  before?: (process: FlowProcess) => Promise<void>
  /** What others do if the flow has failed. */
  onFailure?: (process: FlowProcess) => Promise<void>
  /** The lines of what was settled, sorted. */
  ran: string[]
  state: string
}

const succeed: RunMember = async () => 'succeeded'

const scenarios: Record<string, Scenario> = {
  'all members succeed, one adds another': {
    async act (process) {
      const shape = chain(member('a'), group(member('far1'), member('b')), member('end'))
      await process.write(shape, { finally: member('final') })
      await process.work()
    },
    async run (name, context) {
      if (name === 'b') await context.add('more', member('far2'))
      if (name === 'end') await context.results()
      if (name === 'end') await context.previous()
      return 'succeeded'
    },
    ran: ['a', 'b', 'end', 'far1', 'far2', 'final'].map(name => `${name} succeeded`),
    state: 'succeeded'
  },
  'a member fails: what waits for it is skipped, the rest goes on': {
    async act (process) {
      const tasks = { a: member('a'), b: member('b'), c: member('c'), d: member('far1'), e: member('e') }
      await process.write(flow({ tasks, dependsOn: { b: ['a'], c: ['b'], e: ['d'] } }), { failFast: false })
      await process.work()
    },
    run: async name => name === 'a' ? 'failed' : 'succeeded',
    ran: ['a failed', 'e succeeded', 'far1 succeeded'],
    state: 'failed'
  },
  'the flow is cancelled': {
    async act (process) {
      await process.write(chain(member('a'), group(member('b'), member('far1')), member('c')))
      await process.cancel()
      await process.work()
    },
    run: succeed,
    before: process => process.cancel(),
    ran: [],
    state: 'cancelled'
  },
  'a chord fails, and is retried': {
    async act (process) {
      await process.write(chord([member('a'), member('far1')], member('end')), { failFast: false })
      await process.work()
      await process.retry()
      await process.work()
    },
    run: async (name, _context, run) => name === 'far1' && run === 0 ? 'failed' : 'succeeded',
    onFailure: process => process.retry(),
    ran: ['a succeeded', 'end succeeded', 'far1 failed', 'far1 succeeded'],
    state: 'succeeded'
  }
}

async function stateOf ({ redis, prefix }: FlowWorld): Promise<string | null> {
  const text = await redis.hget(`${prefix}:{home}:jobs`, FLOW)
  return text ? JSON.parse(text).status : null
}

/** Sweeps and works as others would, until nobody has to look at the flow. */
async function finish (world: FlowWorld, other: FlowProcess): Promise<void> {
  const deadline = Date.now() + 10_000
  do {
    if (Date.now() > deadline) throw new Error('somebody still has to look at the flow')
    await other.sweep()
    await other.work()
  } while (await world.redis.zcard(`${world.prefix}:{home}:flows`) > 0)
}

/**
 * How many calls it makes. What it writes before it fails nobody has been told of.
 * @param sweepers how many others are cut off, each after one call more, before one of them can finish the flow
 */
async function check (t: Test, scenario: Scenario, cut?: Cut, sweepers = 0): Promise<number> {
  const { act, run, before, onFailure, ran, state } = scenario
  const world: FlowWorld = { redis, prefix: randomPrefix(), ran: [], run }
  const first = new FlowProcess(world, cut)
  const written = await act(first).then(() => true, error => {
    if (error.message !== 'cut off') throw error
    return false
  })
  await first.leave()
  const other = new FlowProcess(world)
  await before?.(other)
  for (let at = 0; at < sweepers; at++) {
    const sweeper = new FlowProcess(world, { at, carriedOut: at % 2 === 0 })
    await sweeper.sweep()
    await sweeper.work()
    await sweeper.leave()
  }
  await finish(world, other)
  for (let i = 0; i < 2 && await stateOf(world) === 'failed'; i++) {
    await onFailure?.(other)
    await finish(world, other)
  }
  const outcome = await stateOf(world)
  const what = cut ? `cut off at call ${cut.at}${cut.carriedOut ? ', whose reply is lost' : ''}` : 'not cut off'
  const isWhole = outcome === state && JSON.stringify(world.ran.sort()) === JSON.stringify(ran)
  const isRefused = !written && outcome === null && new Set(world.ran).size === world.ran.length
  if (!isWhole && !isRefused) t.fail(`${what}: ${outcome}, ${world.ran.join(', ')}`)
  await other.engine.step(other.flow, [{ name: 'remove' }])
  const left = (await redis.keys(`${world.prefix}*`)).filter(key => /:(flow|jobs|done|succeeded|failed|wait|claims)/.test(key))
  if (left.length > 0) t.fail(`${what}: ${left.join(', ')} are left`)
  return first.calls
}

const redis = connect(t)

for (const [what, scenario] of Object.entries(scenarios)) {
  t.test(what, async t => {
    const calls = await check(t, scenario)
    for (let at = 0; at < calls; at++) {
      // Both ways at every second call: the machine may be busy.
      for (const carriedOut of at % 2 === 0 ? [false, true] : [at % 4 === 1]) {
        await check(t, scenario, { at, carriedOut })
      }
      if (at % 7 === 0) await check(t, scenario, { at, carriedOut: true }, 12)
    }
    t.ok(calls > 10, `${calls} calls`)
  })
}

/** Two processes, whose first stops at a call until the second has done something. */
async function twoProcesses (run: RunMember = succeed): Promise<{
  world: FlowWorld, slow: FlowProcess, other: FlowProcess, stopAt: (what: string, act: () => Promise<unknown>) => void
}> {
  const world: FlowWorld = { redis, prefix: randomPrefix(), ran: [], run }
  const [slow, other] = [new FlowProcess(world), new FlowProcess(world)]
  const stopAt = (what: string, act: () => Promise<unknown>): void => {
    slow.onCall = async call => {
      if (call !== what) return
      slow.onCall = () => {}
      await act()
    }
  }
  return { world, slow, other, stopAt }
}

t.test('a process stops between reading what to start and starting it, and the flow ends meanwhile', async t => {
  const { world, slow, other, stopAt } = await twoProcesses()
  await other.write(chain(member('a'), member('far1')))
  stopAt('start of members', async () => {
    await other.cancel()
    await finish(world, other)
  })
  await slow.work()
  t.same(world.ran, ['a succeeded'])
  t.equal(await stateOf(world), 'cancelled')
  await finish(world, slow)
  t.same(await redis.keys(`${world.prefix}:{far}:jobs`), [], 'what was started too late is cancelled, and removed')
})

/** The first process runs what waits. The other one looks at the flow just before the first starts a member. */
async function lookWhileStarting (slow: FlowProcess, other: FlowProcess): Promise<void> {
  const [reached, goes] = [latch(), latch()]
  slow.onCall = call => {
    if (call !== 'start of members') return
    slow.onCall = () => {}
    reached.open()
    return goes.promise
  }
  let reads = 0
  let working: Promise<unknown> | undefined
  other.onCall = async what => {
    if (what !== 'read of a flow' || ++reads !== 2) return
    working = slow.work()
    await reached.promise // now "b" is open, and has no record
  }
  await other.sweep()
  goes.open()
  await working
}

t.test('a flow is looked at while its next member is being started: it has no record yet', async t => {
  const { world, slow, other } = await twoProcesses()
  await other.write(chain(member('a'), member('b')))
  await lookWhileStarting(slow, other)
  await finish(world, other)
  t.equal(await stateOf(world), 'succeeded')
  t.same(world.ran, ['a succeeded', 'b succeeded'])
})

t.test('the same, and of the flow nothing is left', async t => {
  const { world, slow, other, stopAt } = await twoProcesses()
  await other.write(chain(member('a'), group(member('b'), member('far1'))), { resultTtl: 0 })
  stopAt('start of members', async () => {
    await other.cancel()
    await finish(world, other)
  })
  await slow.work()
  t.same(world.ran, ['a succeeded'])
  t.same(await redis.keys(`${world.prefix}:*:jobs`), [], 'what was started too late is cancelled, and removed')
})

t.test('a flow is cancelled while a process starts its members, which dies when it has started them', async t => {
  const { world, slow, other, stopAt } = await twoProcesses()
  await other.write(chain(member('a'), group(member('b'), member('far1'))))
  stopAt('start of members', async () => {
    await other.cancel()
    slow.onCall = async () => { // the call behind the start in the other queue
      if (await redis.exists(`${world.prefix}:{far}:jobs`)) slow.die()
    }
  })
  await slow.work()
  t.ok(slow.isCut)
  await slow.leave()
  await finish(world, other)
  t.same(world.ran, ['a succeeded'])
  t.equal(await stateOf(world), 'cancelled')
  t.same(await redis.keys(`${world.prefix}:{far}:jobs`), [], 'they are cancelled, and removed')
})

t.test('once a flow is cancelled no more of its members are added', async t => {
  const { world, slow, other } = await twoProcesses()
  const many = Array.from({ length: 2_200 }, () => member('far1'))
  await other.write(chain(member('a'), group(...many)))
  let starts = 0
  slow.onCall = async call => {
    if (call === 'start of members' && starts++ === 0) await other.cancel()
  }
  await slow.work()
  t.ok(starts <= 2, `${starts} batches, which were read before`)
  await finish(world, other)
  t.same(world.ran, ['a succeeded'])
  t.equal(await stateOf(world), 'cancelled')
})

/** A task that has ended, of a name that no flow has. */
async function putEnded (world: FlowWorld, id: string, options: object = {}): Promise<void> {
  const record = { data: { name: 'other', data: null }, options: { timestamp: 1, attempts: 1, ...options } }
  const key = (name: string): string => `${world.prefix}:{home}:${name}`
  await redis.multi().hset(key('jobs'), id, JSON.stringify({ ...record, status: 'succeeded', result: 'wrong' }))
    .sadd(key('succeeded'), id).zadd(key('done:succeeded'), Date.now() + 60_000, id).lrem(key('waiting'), 0, id).exec()
}

const OTHERS: Record<string, { options: object, state: string, ran: string[] }> = {
  'a task of the app': { options: {}, state: 'failed', ran: ['a succeeded'] },
  'a member of an earlier flow': {
    options: { nonce: 'earlier', flow: { id: FLOW, home: 'home', node: '1', generation: 0, key: '1', keep: 1 } },
    state: 'succeeded',
    ran: ['a succeeded', 'b succeeded']
  }
}
for (const [whose, { options, state, ran }] of Object.entries(OTHERS)) {
  t.test(`a member is being started, and its id is that of ${whose}, which has ended: that is not its end`, async t => {
    const { world, slow, other } = await twoProcesses()
    await other.write(chain(member('a'), member('b')))
    await putEnded(world, `${FLOW}.1`, options)
    await lookWhileStarting(slow, other)
    await finish(world, other)
    t.equal(await stateOf(world), state)
    t.same(world.ran, ran)
  })
}

t.test('a member was removed, and its id is that of another task by now, which has ended', async t => {
  const { world, other } = await twoProcesses()
  await other.write(chain(member('a'), member('b')))
  await putEnded(world, `${FLOW}.0`)
  await finish(world, other)
  t.equal(await stateOf(world), 'failed')
  t.match(JSON.parse((await redis.hget(`${world.prefix}:{home}:jobs`, FLOW))!).error.message, /was removed/)
})

t.test('a retried flow that ends reads its members together, however many they are', async t => {
  const { world, other } = await twoProcesses(async (name, _context, run) =>
    name === 'far1' && run < 300 ? 'failed' : 'succeeded')
  const many = Array.from({ length: 300 }, () => member('far1'))
  await other.write(group(member('a'), ...many), { failFast: false })
  await other.work()
  t.equal(await stateOf(world), 'failed')
  const reads: string[] = []
  other.onCall = what => { if (what.startsWith('read of a member') || what === 'read of members') reads.push(what) }
  await other.retry()
  await other.work()
  t.equal(await stateOf(world), 'succeeded')
  t.ok(reads.length > 0 && reads.length < 9, `${reads.length} reads for 600 records`)
})

t.test('a flow whose writer was too slow is given up: its enqueue fails', async t => {
  const many = Array.from({ length: 900 }, (_, i) => member(i === 0 ? 'a' : `far${i}`))
  for (const at of [1, 2, 3, 4, 5, 6]) { // the last one seals it
    const { world, slow, other } = await twoProcesses()
    let calls = 0
    let finished: Promise<void> | undefined
    slow.onCall = async () => { if (calls++ >= at) await (finished ??= finish(world, other)) }
    const error = await errorOf(slow.write(chain(group(...many), member('a'))))
    t.match(error, { code: 'FST_TASKS_FLOW_INCOMPLETE' }, `before call ${at}`)
    t.equal(await stateOf(world), null)
    await slow.work()
    await finish(world, other)
    t.same(await redis.keys(`${world.prefix}:{far}:jobs`), [])
  }
})

t.test('a member fails while its flow is being written: what is written is cancelled', async t => {
  const { world, slow, other } = await twoProcesses(async (name, context) => {
    if (name === 'a') await context.add('more', member('far1'))
    return name === 'a' ? 'failed' : 'succeeded'
  })
  const many = Array.from({ length: 900 }, () => member('b'))
  let isStarted = false
  slow.onCall = async what => {
    if (isStarted && what === 'an enqueue of a flow') await other.work()
    isStarted ||= what === 'start of members'
  }
  await slow.write(flow({
    tasks: { a: member('a'), ...Object.fromEntries(many.map((shape, i) => [`b${i}`, shape])) },
    dependsOn: Object.fromEntries(many.map((_shape, i) => [`b${i}`, ['a']]))
  }))
  await finish(world, other)
  t.equal(await stateOf(world), 'failed')
  t.same(world.ran, ['a failed'])
  t.equal(await redis.hlen(`${world.prefix}:{home}:flow:${FLOW}/texts`), 902, 'all of it is stored, for a retry')
})

t.test('a flow that is cancelled while it is being written, and of which nothing stays, leaves no key', async t => {
  const { world, slow, other } = await twoProcesses()
  let writes = 0
  slow.onCall = async what => {
    if (what !== 'an enqueue of a flow' || ++writes !== 5) return
    await other.cancel()
    await finish(world, other)
  }
  const many = Array.from({ length: 1_900 }, () => member('b'))
  await slow.write(group(...many), { resultTtl: 0 })
  await finish(world, other)
  t.same(world.ran, [])
  t.same((await redis.keys(`${world.prefix}*`)).filter(key => key.includes(':flow')), [])
})

t.test('the records of members that are written after the flow has ended expire with it', async t => {
  const { world, slow, other } = await twoProcesses()
  const flow = `${world.prefix}:{home}:flow:${FLOW}`
  let writes = 0
  slow.onCall = async what => {
    if (what !== 'an enqueue of a flow' || ++writes !== 5) return
    await other.cancel()
    await finish(world, other)
    await redis.del(`${flow}/texts`)
  }
  await slow.write(group(...Array.from({ length: 1_900 }, () => member('b'))))
  t.ok(await redis.pttl(`${flow}/texts`) > 0)
})

t.test('a retried flow one of whose records is lost fails at once', async t => {
  const { world, other } = await twoProcesses(async () => 'failed')
  await other.write(chain(member('a'), member('b')))
  await other.work()
  await redis.del(`${world.prefix}:{home}:flow:${FLOW}/texts`)
  await other.retry()
  t.match(JSON.parse((await redis.hget(`${world.prefix}:{home}:jobs`, FLOW))!).error.message, /"0" \(a\).*was removed/)
})
