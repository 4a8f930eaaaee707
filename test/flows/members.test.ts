/**
 * What a member reads of those before it, and what the times of a signature and of its flow do to it.
 */
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { chain, chord, flow, group, Unrecoverable } from '../../lib/plugin.ts'
import { makeMember } from '../../lib/flows/member.ts'
import { decode } from '../../lib/records/task-record.ts'
import { build, errorOf, latch, pass, until, type Latch } from '../support/helpers.ts'
import type { FlowOptions, FlowShape, TaskHandle } from '../../lib/types.ts'

const LONG = { timeout: 60_000 }
const member = (task: string, data?: unknown, options: object = {}): any =>
  ({ kind: 'signature', task, data, options })
const MAY = { allowFailure: true }

async function fixture (t: Test): Promise<{
  app: FastifyInstance
  gate: Latch
  started: Latch
  enqueue: (shape: FlowShape<any, any>, options?: FlowOptions) => Promise<TaskHandle<any, any>>
}> {
  const [gate, started] = [latch(), latch()]
  let reads = 0
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (data: any) => data)
    app.tasks.define('brief', { resultTtl: 0 }, async (data: any) => data)
    app.tasks.define('no', () => { throw new Unrecoverable('no luck') })
    app.tasks.define('elsewhere', { queue: 'idle' }, async () => {})
    app.tasks.define('gone', { resultTtl: 0 }, () => { throw new Unrecoverable('gone') })
    app.tasks.define('slow', async () => {
      started.open()
      await gate.promise
    })
    app.tasks.define('read', async (_data: any, task: any) => ({
      previous: await task.previous() ?? null, results: await task.results(), id: task.flow.id
    }))
    app.tasks.define('readLater', async (_data: any, task: any) => {
      if (reads++ === 0) throw new Unrecoverable('not yet')
      return await task.results()
    })
    app.tasks.define('adds', async (data: any, task: any) => {
      await task.flow.add('more', member(data))
      return 'adds'
    })
  })
  await app.tasks.startWorker({ queues: ['default'] })
  return { app, gate, started, enqueue: (shape, options) => app.tasks.enqueueFlow(shape, options) }
}

t.test('before the first there is nothing; an added member and the last one read nothing', async t => {
  const { app, enqueue } = await fixture(t)
  const handle = await enqueue(chain(member('read'), member('adds', 'read'), member('read')))
  const { results } = await handle.result(LONG)
  t.equal(results[0], 'adds')
  t.match(results[1], { previous: null, results: [], id: handle.id })
  t.match((await app.tasks.status(`${handle.id}.0`))!.result, { previous: null, results: [] })
  const { tasks } = await app.tasks.list({ flow: handle.id })
  t.same(tasks.map(({ flow }) => flow!.key), ['0', '1', '2', '1:more'])
})

t.test('members of one task each have their own options, and the lane of their own data', async t => {
  const both = latch()
  let running = 0
  const app = await build(t, {}, app => {
    app.tasks.define('x', async () => {})
    app.tasks.define('limited', { limit: { max: 1, key: (data: any) => data } }, async () => {
      if (++running === 2) both.open()
      await both.promise
    })
  })
  const handle = await app.tasks.enqueueFlow(group(
    member('x', 1), member('x', 2), member('x', 3, { tags: ['t'] }), member('x', 4, { allowFailure: true }),
    member('x', 5), member('limited', 'a'), member('limited', 'b')
  ))
  const { tasks } = await app.tasks.list({ flow: handle.id })
  t.same(tasks.map(({ tags }) => tags), [[], [], ['t'], [], [], [], []])
  await app.tasks.startWorker()
  await handle.result({ timeout: 10_000 })
})

t.test('what members that start in one ms have in common is not taken for what they have not', async t => {
  const text = '[null,null,null,null]\n{"name":"x"}\n{"attempts":1}'
  const late = text.replace('[null', '[5')
  const flow = { id: 'f', home: 'default', node: '0', generation: 0, join: '0', key: '0', keep: 9 }
  const { join, ...first } = flow
  const flows = [flow, { ...flow, node: '1', key: 'a' }, { ...flow, join: '1' }, { ...flow, id: 'g' },
    { ...flow, home: 'other' }, { ...flow, generation: 1 }, { ...flow, keep: 8 }, first]
  for (const [now, given] of [[7, text], [8, text], [8, late], [7, text.replace('1}', '2}')], [7, text]] as const) {
    for (const own of flows) {
      const { text: record, delay } = makeMember(given, 'id', own, now)
      const { options } = decode(record)
      t.same(options.flow, own)
      t.same([options.timestamp, options.attempts, options.delay, delay],
        [now, given.endsWith('2}') ? 2 : 1, ...given === late ? [13, 13] : [undefined, undefined]])
    }
  }
})

t.test('in a graph what was added is read by its key', async t => {
  const { enqueue } = await fixture(t)
  const tasks = { a: member('adds', 'x'), b: member('read') }
  const { b: { results, previous } } = await (await enqueue(flow({ tasks, dependsOn: { b: ['a'] } }))).result(LONG)
  t.same(results, { a: 'adds', more: null })
  t.equal(previous, 'adds')
})

t.test('in a graph members that were added under one key, or that of another, have their whole names', async t => {
  const { enqueue } = await fixture(t)
  const tasks = { a: member('adds', 'x'), b: member('adds', 'x'), more: member('x', 'own'), c: member('read') }
  const { c: { results } } = await (await enqueue(flow({ tasks, dependsOn: { c: ['a', 'b', 'more'] } }))).result(LONG)
  t.same(results, { a: 'adds', b: 'adds', more: 'own', 'a:more': null, 'b:more': null })
})

t.test('members that may fail: cancelled, removed, or without a result', async t => {
  const { app, enqueue } = await fixture(t)
  const members = [member('elsewhere', 1, MAY), member('elsewhere', 2, MAY), member('x', undefined, MAY)]
  const handle = await enqueue(chord(members, member('read')))
  await app.tasks.cancel(`${handle.id}.0`)
  await app.tasks.remove(`${handle.id}.1`)
  const { results } = await handle.result(LONG)
  t.match(results, [
    { status: 'rejected', reason: { message: 'The task was cancelled', code: null } },
    { status: 'rejected', reason: { message: 'The task was removed', code: null } },
    { status: 'fulfilled', value: null }
  ])
})

t.test('members that may fail, and whose records are gone: whether they succeeded is known', async t => {
  const { app, enqueue } = await fixture(t)
  const isGone = (id: string): Promise<unknown> =>
    until(`${id} is gone`, async () => await app.tasks.status(id) === null)
  const handle = await enqueue(member('brief', 1, MAY))
  await isGone(`${handle.id}.0`)
  t.match(await handle.status(), { state: 'succeeded', result: null })

  const failed = await enqueue(chord([member('gone', 1, MAY), member('x', 2, MAY)], member('readLater')))
  await errorOf(failed.result(LONG))
  await isGone(`${failed.id}.0`)
  await app.tasks.retry(failed.id)
  t.same(await failed.result(LONG), [
    { status: 'rejected', reason: { name: 'Error', message: 'The task failed', code: null } },
    { status: 'fulfilled', value: 2 }
  ])
})

t.test('a retried member reads the result of one that may fail: it succeeded, and is gone', async t => {
  const { app, enqueue } = await fixture(t)
  const handle = await enqueue(chord([member('brief', 1, MAY)], member('readLater')))
  await errorOf(handle.result(LONG))
  await until('it is gone', async () => await app.tasks.status(`${handle.id}.0`) === null)
  await app.tasks.retry(handle.id)
  t.match(await errorOf(handle.result(LONG)), { message: /result of member "0\.0" is not stored/ })
})

t.test('calls about many tasks tell flows of the members that they end', async t => {
  const { app, enqueue } = await fixture(t)
  const members = [member('elsewhere', 1, MAY), member('elsewhere', 2, MAY), member('x', undefined, MAY)]
  const handle = await enqueue(chord(members, member('read')))
  const elsewhere = { name: 'elsewhere', state: 'waiting' } as const
  t.match(await app.tasks.cancelMany(elsewhere, { limit: 1 }), { changed: 1 })
  t.match(await app.tasks.removeMany(elsewhere), { changed: 1 })
  const { results } = await handle.result(LONG)
  t.match(results.map(({ reason }: { reason?: { message: string } }) => reason?.message).sort(), [
    'The task was cancelled', 'The task was removed', undefined
  ])
})

t.test('a retry starts those again that were cancelled with the flow, also if they may fail', async t => {
  const { app, enqueue } = await fixture(t)
  const members = [member('elsewhere', 1, MAY), member('no'), member('no', 0, MAY)]
  const handle = await enqueue(chord(members, member('x')))
  await errorOf(handle.result(LONG))
  t.equal(await app.tasks.retry(handle.id), 'queued')
  await until('it is started again', () => app.tasks.status(`${handle.id}.0-1`))
  t.equal(await app.tasks.status(`${handle.id}.2-1`), null, 'it has failed, which it may')
  await errorOf(handle.result(LONG))
})

t.test('a result of many members is not put together', async t => {
  const { enqueue } = await fixture(t)
  const many = Array.from({ length: 101 }, (_, i) => member('x', i))
  t.equal(await (await enqueue(group(...many))).result(LONG), null)
})

t.test('the times of a signature count from the start of its member, a Date is a time', async t => {
  const { app, enqueue } = await fixture(t)
  const soon = new Date(Date.now() + 200)
  const handle = await enqueue(chain(
    member('x', 1, { delay: 100 }), member('x', 2, { delayUntil: soon }), member('x', 3, { expires: 60_000 }),
    member('x', 4, { expires: new Date(Date.now() + 60_000) })
  ), { expires: new Date(Date.now() + 50_000) })
  await pass(app, 400)
  t.equal(await handle.result(LONG), 4)
  t.match(await handle.status(), { state: 'succeeded' })
})

t.test('a task of somebody else has the id of a member: the member fails, and nobody reads that task', async t => {
  const { app, enqueue } = await fixture(t)
  for (const node of [0, 1]) await app.tasks.enqueue('x', 'secret', { id: `mine.${node}` })
  const handle = await enqueue(chain(member('x', 1, MAY), member('read')), { id: 'mine' })
  t.match(await errorOf(handle.result(LONG)), { message: /Member "1" \(read\).* another task has its id/ })
  const isKept = async (): Promise<void> => {
    t.match(await app.tasks.status('mine.1'), { state: 'succeeded', result: 'secret', flow: null })
  }
  await isKept()
  t.match((await app.tasks.list({ flow: 'mine' })).tasks, [{ result: null }, { result: null }])
  await app.tasks.retry('mine')
  t.ok(await handle.result(LONG), 'a retry has an id of its own')
  await isKept()
  await app.tasks.enqueue('x', 'secret', { id: 'other.0' })
  const other = await enqueue(chain(member('x', 1, MAY), member('read')), { id: 'other' })
  t.match((await other.result(LONG)).previous, { status: 'rejected', reason: { message: 'The task was removed' } })
  await app.tasks.enqueue('x', 'secret', { id: 'third.0' })
  await errorOf((await enqueue(chain(member('gone')), { id: 'third' })).result(LONG))
  t.match(await app.tasks.status('third.0'), { result: 'secret' }, 'it does not go when the flow releases its members')
})

t.test('a retried flow does not say how long the task of somebody else stays', async t => {
  const { app, enqueue } = await fixture(t)
  await app.tasks.enqueue('x', 'secret', { id: 'mine.0' })
  const handle = await enqueue(member('brief', 1), { id: 'mine' })
  await errorOf(handle.result(LONG))
  await app.tasks.retry('mine')
  await handle.result(LONG)
  await until('the member is released', async () => await app.tasks.status('mine.0-1') === null)
  t.match(await app.tasks.status('mine.0'), { state: 'succeeded', result: 'secret' })
})

t.test('a flow that has ended but for its last task cannot be cancelled any more', async t => {
  const { enqueue, gate, started } = await fixture(t)
  const handle = await enqueue(member('x', 1), { finally: member('slow') })
  await started.promise
  t.equal(await handle.cancel(), 'finished')
  gate.open()
  t.equal(await handle.result(LONG), 1)
})

t.test('a cancelled flow whose resultTtl is 0 is gone at once', async t => {
  const { app, enqueue } = await fixture(t)
  const handle = await enqueue(member('elsewhere'), { resultTtl: 0 })
  t.equal(await handle.cancel(), 'cancelled')
  t.equal(await app.tasks.status(handle.id), null)
})

t.test('more members than one step may move are cancelled, or skipped', async t => {
  const { enqueue, app } = await fixture(t)
  const many = Array.from({ length: 1_100 }, () => member('x'))
  const cancelled = await enqueue(chain(member('elsewhere'), group(...many)))
  t.equal(await cancelled.cancel(), 'cancelled')
  const skipped = await enqueue(chain(member('no'), group(...many), member('x')), { failFast: false })
  await errorOf(skipped.result(LONG))
  t.match(await skipped.status(), { state: 'failed', flow: { done: 1_102, total: 1_102 } })
  const { tasks } = await app.tasks.list({ flow: skipped.id, limit: 2 })
  t.match(tasks, [{ state: 'failed' }, { state: 'cancelled' }])
})

t.test('members without a record are listed: how they ended is known', async t => {
  const { app, enqueue } = await fixture(t)
  const handle = await enqueue(chain(group(member('gone'), member('elsewhere')), member('x')), { failFast: false })
  await app.tasks.cancel(`${handle.id}.1`)
  await errorOf(handle.result(LONG))
  await until('the record of the first is gone', async () => await app.tasks.status(`${handle.id}.0`) === null)
  const { tasks } = await app.tasks.list({ flow: handle.id })
  t.same(tasks.map(({ state }) => state), ['failed', 'cancelled', 'cancelled'])
})

t.test('pages of flows, of all queues', async t => {
  const { app, enqueue } = await fixture(t)
  const handles = await Promise.all([member('x'), member('x'), member('elsewhere')].map(shape => enqueue(shape)))
  const seen: string[] = []
  let cursor: string | null | undefined
  do {
    const page = await app.tasks.list({ kind: 'flow', limit: 1, ...(cursor ? { cursor } : {}) })
    seen.push(...page.tasks.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor)
  t.same(seen.sort(), handles.map(({ id }) => id).sort())
  const cursorOf = (...parts: unknown[]): string =>
    Buffer.from(JSON.stringify(['flow', ...parts])).toString('base64url')
  const odd = [cursorOf('unknown'), cursorOf('default', -1, 'x'), cursorOf('default', 1)]
  const other = (await app.tasks.list({ state: 'waiting', limit: 1 })).cursor
  for (const wrong of ['x', '', ...odd, other].filter(Boolean)) {
    t.match(await errorOf(app.tasks.list({ kind: 'flow', cursor: wrong! })), { code: 'FST_TASKS_CURSOR_INVALID' })
  }
})

t.test('a flow is on one page of flows, however many come and go meanwhile', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', async () => {}) })
  const add = async (): Promise<string> => {
    const { id } = await app.tasks.enqueueFlow(member('x'), { delay: 3_600_000, resultTtl: 0 })
    await pass(app, 2)
    return id
  }
  const ids: string[] = []
  for (let i = 0; i < 6; i++) ids.push(await add())
  const first = await app.tasks.list({ kind: 'flow', limit: 20 })
  const order = first.tasks.map(({ id }) => id)
  t.same(order.toSorted(), ids.toSorted())
  const { tasks, cursor } = await app.tasks.list({ kind: 'flow', limit: 2 })
  t.same(tasks.map(({ id }) => id), order.slice(0, 2))
  await add()
  const second = await app.tasks.list({ kind: 'flow', limit: 2, cursor: cursor! })
  t.same(second.tasks.map(({ id }) => id), order.slice(2, 4), 'none comes twice')
  await app.tasks.cancel(order[0]!)
  await app.tasks.cancel(order[1]!)
  const third = await app.tasks.list({ kind: 'flow', limit: 2, cursor: second.cursor! })
  t.same(third.tasks.map(({ id }) => id), order.slice(4), 'none is left out')
})

t.test('a flow whose id begins with that of another has nothing in common with it', async t => {
  const { enqueue, gate, started } = await fixture(t)
  const parts = ['', 'nodes', 'texts', 'joins', 'open', 'pending', 'edges', 'unwritten', 'todo', 'ends']
  const first = await enqueue(chain(member('slow'), member('x', 'first')), { id: 'order' })
  await started.promise
  const others = await Promise.all(parts.map(part => enqueue(member('x', part), { id: `order:${part}` })))
  t.same(await Promise.all(others.map(other => other.result(LONG))), parts)
  gate.open()
  t.equal(await first.result(LONG), 'first')
  t.match(await first.status(), { progress: { done: 2, total: 2 } })
})

t.test('a retry runs a member that was added, also if another one has its key with -1 behind it', async t => {
  let fails = true
  const app = await build(t, {}, app => {
    app.tasks.define('adds', async (_data: any, task: any) => {
      for (const key of ['page', 'page-1', 'page-1-1']) await task.flow.add(key, member('page', key))
    })
    app.tasks.define('page', async (key: any) => {
      if (fails && key !== 'page-1-1') throw new Unrecoverable('no luck')
      return key
    })
    app.tasks.define('read', async (_data: any, task: any) => await task.results())
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow(chain(member('adds'), member('read')), { failFast: false })
  await errorOf(handle.result(LONG))
  fails = false
  t.equal(await app.tasks.retry(handle.id), 'queued')
  t.same(await handle.result(LONG), [null, 'page', 'page-1', 'page-1-1'])
  t.equal((await app.tasks.status(`${handle.id}.0-1:page`))!.state, 'succeeded')
})
