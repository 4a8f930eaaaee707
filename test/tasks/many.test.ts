/**
 * Calls about many tasks: `count`, `retryMany`, `cancelMany`, `removeMany`.
 */
import t from 'tap'
import { chain, group } from '../../lib/plugin.ts'
import { script } from '../../lib/store/redis/run-script.ts'
import { commandsOf } from '../support/monitor.ts'
import {
  build, claimByDeadWorker, connect, errorOf, inRedis, keysOf, latch, memoryMode, randomPrefix, reaches, until
} from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'
import type { ManyProgress, ManyResult, TaskState } from '../../lib/types.ts'

const STATES: TaskState[] = ['waiting', 'delayed', 'active', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']

const codeError = (code: string): Error => Object.assign(new Error('no'), { code })

/** A task in each state, and two more failed ones. Their ids by name. */
async function oneInEachState (app: FastifyInstance): Promise<Record<string, string>> {
  const enqueue = async (name: string, options = {}): Promise<string> =>
    (await app.tasks.enqueue(name, undefined, options)).id
  const ids: Record<string, string> = {
    succeeded: await enqueue('good'),
    failed: await enqueue('bad'),
    failed2: await enqueue('worse'),
    retrying: await enqueue('again'),
    active: await enqueue('slow'),
    expired: await enqueue('good', { expires: 0 })
  }
  const worker = app.tasks.startWorker({ queues: ['default'] })
  const states = { failed2: 'failed' } as Record<string, string>
  for (const [name, id] of Object.entries(ids)) await reaches(app, id, states[name] ?? name)
  await worker
  ids.waiting = await enqueue('letter')
  ids.delayed = await enqueue('letter', { delay: 60_000 })
  ids.cancelled = await enqueue('letter')
  ids.failed3 = await enqueue('bad', { queue: 'other' })
  await app.tasks.cancel(ids.cancelled)
  await app.tasks.startWorker({ queues: ['other'] })
  await reaches(app, ids.failed3, 'failed')
  return ids
}

function define (app: FastifyInstance, slow: Promise<unknown>): void {
  app.tasks.define('good', () => 1)
  app.tasks.define('bad', () => { throw codeError('E_BAD') })
  app.tasks.define('worse', () => { throw codeError('E_WORSE') })
  const backoff = { strategy: 'fixed', delay: 60_000 } as const
  app.tasks.define('again', { retries: 1, backoff }, () => { throw codeError('E') })
  app.tasks.define('slow', async (_data, task) => {
    await Promise.race([slow, new Promise(resolve => { task.signal.addEventListener('abort', resolve) })])
  })
  app.tasks.define('letter', { queue: 'mail' })
}

t.test('each state is counted, retried, cancelled and removed as for one task', async t => {
  const go = latch()
  const app = await build(t, { queues: ['other', 'mail'] }, app => define(app, go.promise))
  const before = Date.now()
  const ids = await oneInEachState(app)
  const { tasks } = app
  for (const state of STATES) t.equal(await tasks.count({ state }), state === 'failed' ? 3 : 1, state)
  t.equal(await tasks.count({ state: ['waiting', 'delayed', 'retrying', 'active'] }), 4)
  t.equal(await tasks.count({ state: STATES, queue: 'mail' }), 3)
  t.equal(await tasks.count({ state: 'failed' }, { limit: 2 }), 2)
  t.equal(await tasks.count({ state: 'failed', name: 'bad' }), 2)
  t.equal(await tasks.count({ state: 'failed', name: 'bad' }, { limit: 1 }), 1)
  t.equal(await tasks.count({ state: STATES, code: 'E_WORSE' }), 1)
  t.equal(await tasks.count({ state: STATES, from: before, to: before }), 0)
  t.equal(await tasks.count({ state: STATES, from: new Date(before - 60_000) }), 10)
  t.equal(await tasks.count({ state: STATES, to: before - 60_000 }), 0)

  const code = 'E_WORSE'
  t.same(await tasks.retryMany({ code }), { matched: 1, changed: 1, cursor: null })
  await until('it failed again', async () => (await tasks.status(ids.failed2!))?.failedAttempts.length === 2)

  t.same(await tasks.cancelMany({ state: 'active' }), { matched: 1, changed: 1, cursor: null })
  await reaches(app, ids.active!, 'cancelled')
  const pending = ['waiting', 'delayed', 'retrying'] as const
  t.same(await tasks.cancelMany({ state: [...pending] }), { matched: 3, changed: 3, cursor: null })
  for (const state of pending) t.match(await tasks.status(ids[state]!), { state: 'cancelled' })

  const ended = ['succeeded', 'failed', 'cancelled', 'expired'] as const
  t.same(await tasks.removeMany({ state: [...ended], queue: 'default' }), { matched: 6, changed: 6, cursor: null })
  for (const state of ended) t.equal(await tasks.count({ state, queue: 'default' }), 0)
  t.equal(await tasks.count({ state: [...ended] }), 4, 'other queues are left alone')
  go.open()
})

t.test('in pieces, from a cursor, also an old one: each task once, though it fails again', async t => {
  const runs = new Map<string, number>()
  const app = await build(t, {}, app => {
    app.tasks.define('x', (_data, task) => {
      runs.set(task.id, (runs.get(task.id) ?? 0) + 1)
      throw codeError('E')
    })
    app.tasks.define('other', () => { throw codeError('F') })
  })
  const items = Array.from({ length: 800 }, () => ({}))
  const ids = (await app.tasks.enqueueMany('x', items)).map(({ id }) => id)
  await app.tasks.enqueueMany('other', items)
  await app.tasks.startWorker({ concurrency: 100 })
  await until('all have failed', async () => await app.tasks.count({ state: 'failed' }) === 1_600)

  const filter = { name: 'x' }
  const first = await app.tasks.retryMany(filter, { limit: 70 })
  t.match(first, { matched: 70, changed: 70, cursor: String })
  const stop = new AbortController()
  const seen: ManyProgress[] = []
  const onProgress = (progress: ManyProgress): void => {
    seen.push(progress)
    if (seen.length === 2) stop.abort()
  }
  const second = await app.tasks.retryMany(filter, { cursor: first.cursor!, signal: stop.signal, onProgress })
  t.equal(seen.length, 2, 'it stops after the step that runs')
  t.equal(second.cursor, seen[1]!.cursor)
  t.ok(seen[1]!.lookedAt > seen[0]!.lookedAt)
  // A process was killed between its last step and the note of its cursor. In memory mode no time passes.
  const known = memoryMode ? second.cursor! : seen[0]!.cursor!
  const third = await app.tasks.retryMany(filter, { cursor: known })
  t.equal(third.cursor, null)
  await until('they have failed again', async () =>
    await app.tasks.count({ state: 'failed' }) === 1_600 && [...runs.values()].every(count => count > 1))
  t.same([...runs.values()].filter(count => count !== 2), [], 'each once')
  t.equal(runs.size, ids.length)
})

t.test('what comes meanwhile is left alone, and a walk goes on behind what is gone', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x'); app.tasks.define('y') })
  const many = (name: string, options = {}): Promise<unknown> =>
    app.tasks.enqueueMany(name, Array.from({ length: 300 }, () => options))
  const later = { delay: 60_000 }
  for (const name of ['x', 'y']) {
    await many(name)
    await many(name, later)
  }
  let added: { id: string } | null = null
  const began = Date.now()
  const onProgress = async (): Promise<void> => {
    if (memoryMode) return // there no time passes
    await until('some ms have passed', () => Date.now() > began + 5)
    added ??= await app.tasks.enqueue('x', 1)
  }
  const found = await app.tasks.cancelMany({ state: ['waiting', 'delayed'], name: 'x' }, { onProgress })
  t.same(found, { matched: 600, changed: 600, cursor: null })
  const left = memoryMode ? 0 : 1
  if (!memoryMode) t.match(await app.tasks.status(added!.id), { state: 'waiting' })
  t.equal(await app.tasks.count({ state: 'waiting' }), 300 + left)
  t.equal(await app.tasks.count({ state: 'delayed' }), 300)
  const limited = await app.tasks.removeMany({ state: ['waiting', 'delayed', 'cancelled'] }, { limit: 500 })
  t.match(limited, { matched: 500, changed: 500 })
  const rest = await app.tasks.removeMany({ state: ['waiting', 'delayed', 'cancelled'] })
  t.same(rest, { matched: 700 + left, changed: 700 + left, cursor: null })
})

inRedis('tasks that failed are retried 100 in one call, by their state or by a tag', 'by its calls', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => define(app, Promise.resolve()))
  const fail = async (tag: string): Promise<void> => {
    await app.tasks.enqueueMany('bad', Array.from({ length: 250 }, () => ({ data: null, tags: [tag] })))
    const worker = await app.tasks.startWorker()
    await until('all have failed', async () => (await app.tasks.counts()).default!.failed === 250)
    await worker.close()
  }
  for (const filter of [{ state: 'failed' }, { tag: 'red' }] as const) {
    await fail('red')
    const commands = await commandsOf(t)
    t.match(await app.tasks.retryMany(filter), { matched: 250, changed: 250 })
    const calls = (await commands()).filter(line => line.includes(`{${prefix}`) || line.includes(`"${prefix}`))
    const ofRetries = [script('retry-many').sha, script('retry').sha]
    const retries = calls.filter(line => ofRetries.some(sha => line.includes(sha)))
    t.equal(retries.length, 3, JSON.stringify(filter))
    await app.tasks.cancelMany({ state: 'waiting' })
  }
})

t.test('members of flows: their flow hears of it, and they are not queued again one by one', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('a', () => { throw codeError('E') })
    app.tasks.define('b')
  })
  const { tasks } = app
  const [a, b] = ['a', 'b'].map(name => ({ kind: 'signature', task: name, data: undefined, options: {} }) as any)
  const failed = await tasks.enqueueFlow(chain(a, b))
  const worker = await tasks.startWorker()
  await reaches(app, failed.id, 'failed')
  await worker.close()
  t.same(await tasks.retryMany(), { matched: 1, changed: 0, cursor: null })
  for (const call of ['cancelMany', 'removeMany'] as const) {
    const flow = await tasks.enqueueFlow(group(b, b), { failFast: false })
    t.match(await tasks[call]({ state: ['waiting', 'delayed', 'retrying'], name: 'b' }), { changed: Number })
    await reaches(app, flow.id, 'failed', 'cancelled')
  }
})

inRedis('an error says how far it came, and from where to go on', 'it is about Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 600 }, () => ({})))
  const redis = connect(t)
  const wrong = `${prefix}:{default}:done:cancelled`
  const onProgress = async (): Promise<void> => { await redis.multi().del(wrong).set(wrong, 'no sorted set').exec() }
  const error = await errorOf(app.tasks.cancelMany({ state: 'waiting' }, { onProgress }))
  t.match(error, { code: 'FST_TASKS_REDIS_UNAVAILABLE', matched: 600, changed: 500, cursor: String })
  await redis.del(wrong)
  await app.tasks.enqueue('x', 1, { delay: 60_000 })
  const full = (): void => { throw new Error('the disk is full') }
  t.match(await errorOf(app.tasks.removeMany({ state: 'delayed' }, { onProgress: full })), {
    message: 'the disk is full', matched: 1, changed: 1, cursor: null
  })
})

t.test('what onProgress throws may be anything: the error says how far it came', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  for (const thrown of ['the disk is full', null, undefined, Object.freeze(new Error('the disk is full'))]) {
    await app.tasks.enqueue('x', 1, { delay: 60_000 })
    const onProgress = (): void => { throw thrown }
    const error = await errorOf(app.tasks.removeMany({ state: 'delayed' }, { onProgress }))
    const message = thrown ? 'the disk is full' : String(thrown)
    t.match(error, { message, cause: thrown, matched: 1, changed: 1, cursor: null })
  }
})

inRedis('what changed since it was read is not removed; large records are read one by one', 'by keys', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 5 }, () => ({ data: 'x'.repeat(600_000), delay: 60_000 })))
  let steps = 0
  t.equal(await app.tasks.count({ state: 'delayed' }), 5)
  const found = await app.tasks.removeMany({ state: 'delayed', name: 'x' }, { onProgress: () => { steps++ } })
  t.same(found, { matched: 5, changed: 5, cursor: null })
  t.equal(steps, 5)
  const kept = /(stallInterval|large|lane|limits)$/
  t.same((await keysOf(t, prefix)).filter(key => !kept.test(key)), [])
})

inRedis('an id that is left over in the list of waiting tasks is none of them', 'by keys', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const [one] = await app.tasks.enqueueMany('x', [{}, {}, {}])
  await claimByDeadWorker(connect(t), prefix, one!.id)
  t.equal(await app.tasks.count({ state: 'waiting' }), 2)
  t.same(await app.tasks.cancelMany({ state: 'waiting' }), { matched: 2, changed: 2, cursor: null })
  t.match(await app.tasks.status(one!.id), { state: 'active' })
})

t.test('a position that Redis could not read is refused with the cursor, or is only a hint', async t => {
  for (const mode of ['redis', 'memory'] as const) {
    const own = mode === 'memory' ? { mode, redis: undefined!, worker: false } : {}
    const app = await build(t, own, app => { app.tasks.define('x') })
    await app.tasks.enqueueMany('x', [{}, {}, {}, {}, {}])
    const state = ['waiting', 'delayed', 'active'] as const
    const { cursor } = await app.tasks.cancelMany({ state: [...state] }, { limit: 1 })
    const [query, start, queue] = JSON.parse(Buffer.from(cursor!, 'base64url').toString())
    const goOn = (source: string, position: string): Promise<ManyResult> => {
      const cursor = Buffer.from(JSON.stringify([query, start, queue, source, position])).toString('base64url')
      return app.tasks.cancelMany({ state: [...state] }, { cursor, limit: 1 })
    }
    const wrong = ['x 1', 'nan 1', '(1 1', '[ 1', '']
    const noScan = [...wrong, '1.5 1', '99999999999999999999999 1', '-1 1', 'inf 1']
    for (const [source, positions] of [['delayed', wrong], ['active', noScan]] as const) {
      for (const position of positions) {
        const what = `${mode}: ${source} ${position}`
        t.match(await errorOf(goOn(source, position)), { code: 'FST_TASKS_CURSOR_INVALID', statusCode: 400 }, what)
      }
    }
    for (const position of ['1e400 x', '1.5 x', '99999999999999999999999 x', '-1 x']) {
      t.match(await goOn('waiting', position), { matched: 1 }, `${mode}: ${position} is a hint`)
    }
    for (const position of ['1795837971331 1', '1.7e+12 1', '-inf 1']) await goOn('delayed', position)
  }
})

t.test('a cursor is valid for its call, and what is wrong is refused', async t => {
  const app = await build(t, { queues: ['mail'] }, app => { app.tasks.define('x') })
  const { tasks } = app
  await tasks.enqueueMany('x', [{}, {}, {}])
  const { cursor } = await tasks.cancelMany({ state: 'waiting' }, { limit: 1 })
  const refused = { code: 'FST_TASKS_CURSOR_INVALID', statusCode: 400 }
  t.match(await errorOf(tasks.removeMany({ state: 'waiting' }, { cursor: cursor! })), refused)
  t.match(await errorOf(tasks.cancelMany({ state: 'waiting', name: 'x' }, { cursor: cursor! })), refused)
  const parts = JSON.parse(Buffer.from(cursor!, 'base64url').toString())
  const encode = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')
  const forged = [
    '', '{}', encode(), encode(parts[0]), encode(parts[0], 'x', 'default', 'waiting', null),
    encode(parts[0], 1, 'nowhere', 'waiting', null), encode(parts[0], 1, 'default', 'failed', null),
    encode(parts[0], 1, 'default', 'waiting', 7)
  ]
  for (const cursor of forged) {
    t.match(await errorOf(tasks.cancelMany({ state: 'waiting' }, { cursor })), refused, cursor)
  }
  const odd = encode(...parts.slice(0, 4), 'no place')
  t.match(await tasks.cancelMany({ state: 'waiting' }, { cursor: odd }), { matched: 2 }, 'a position is only a hint')

  const table: Array<[call: 'count' | 'retryMany' | 'cancelMany' | 'removeMany', ...args: any[]]> = [
    ['count', undefined], ['count', {}], ['count', { state: [] }], ['count', { state: 'done' }],
    ['count', { state: 'failed' }, { limit: 0 }], ['count', { state: 'failed' }, { signal: 1 }],
    ['retryMany', { state: 'waiting' }], ['retryMany', { from: 'now' }], ['retryMany', {}, { cursor: 1 }],
    ['retryMany', {}, { onProgress: 1 }], ['cancelMany', { state: 'failed' }], ['cancelMany', { code: '' }],
    ['removeMany', { state: ['active'] }], ['removeMany', { state: 'failed', name: '' }], ['removeMany', {}],
    ['removeMany', { state: 'failed' }, 7]
  ]
  for (const [call, ...args] of table) {
    const run = tasks[call] as (...args: unknown[]) => Promise<unknown>
    const what = JSON.stringify([call, args])
    t.match(await errorOf(run.call(tasks, ...args)), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID' }, what)
  }
  t.match(await errorOf(tasks.retryMany({ stat: 1 } as any)), { code: 'FST_TASKS_OPTION_UNKNOWN' })
  t.match(await errorOf(tasks.retryMany({ queue: 'nowhere' })), { code: 'FST_TASKS_QUEUE_UNKNOWN' })
  const aborted = AbortSignal.abort(new Error('enough'))
  t.match(await errorOf(tasks.count({ state: 'waiting' }, { signal: aborted })), { message: 'enough' })
  t.match(await tasks.retryMany({}, { signal: aborted }), { matched: 0, changed: 0, cursor: String })
})

/**
 * A step has 500 tasks, those that are due last. The one behind them is read while they are changed, and it is its turn
 * after `onProgress`.
 */
async function withOneBehind (
  app: FastifyInstance, call: 'cancelMany' | 'removeMany', meanwhile: (id: string) => Promise<unknown>
): Promise<{ id: string, result: object }> {
  await app.tasks.enqueueMany('letter', Array.from({ length: 500 }, () => ({ delay: 60_000 })))
  const { id } = await app.tasks.enqueue('last', 1, { delay: 30_000 })
  let first = true
  const onProgress = async (): Promise<unknown> => {
    const isFirst = first
    first = false
    return isFirst ? meanwhile(id) : undefined
  }
  return { id, result: await app.tasks[call]({ state: ['delayed', 'retrying'] }, { onProgress }) }
}

t.test('a task that changes after it was read is read again', async t => {
  const define = (app: FastifyInstance): void => {
    app.tasks.define('letter')
    app.tasks.define('last', { unique: { key: () => 'k', onConflict: 'replace' } })
  }
  const one = await build(t, {}, define)
  const cancelled = await withOneBehind(one, 'cancelMany', () => replaceOf(one))
  t.same(cancelled.result, { matched: 501, changed: 501, cursor: null })
  t.match(await one.tasks.status(cancelled.id), { state: 'cancelled' })

  const removed = await withOneBehind(one, 'removeMany', () => replaceOf(one))
  t.same(removed.result, { matched: 501, changed: 501, cursor: null })
  t.equal(await one.tasks.status(removed.id), null)

  const two = await build(t, {}, define)
  const left = await withOneBehind(two, 'removeMany', id => two.tasks.cancel(id))
  t.match(left.result, { changed: 500, cursor: null }, 'it is not delayed any more, whenever it was read')
  t.match(await two.tasks.status(left.id), { state: 'cancelled' })
})

const replaceOf = (app: FastifyInstance): Promise<unknown> => app.tasks.enqueue('last', 2, { delay: 30_000 })
