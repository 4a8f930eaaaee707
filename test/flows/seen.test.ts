/**
 * A flow is seen as a task is: status, routes, lists; and what a handler does from inside.
 */
import t from 'tap'
import { chain, chord, group, Snooze } from '../../lib/plugin.ts'
import { build, connect, errorOf, keysOf, latch, memoryMode, randomPrefix, until } from '../support/helpers.ts'
import type { FastifyRequest } from 'fastify'

const LONG = { timeout: 60_000 }
const signature = (task: string, data?: unknown): any => ({ kind: 'signature', task, data, options: {} })

t.test('routes: status, ETag, long poll, DELETE', async t => {
  const gate = latch()
  const app = await build(t, { routes: { cancel: true } }, app => {
    app.tasks.define('slow', () => gate.promise)
    app.tasks.define('x', async () => 'done')
    app.post('/', async (_request, reply) => reply.accepted(
      await app.tasks.enqueueFlow(chain(signature('slow'), signature('x')))))
  })
  await app.tasks.startWorker()
  const accepted = await app.inject({ method: 'POST', url: '/' })
  t.equal(accepted.statusCode, 202)
  t.match(accepted.json(), { name: 'flow', state: 'active', flow: { key: null, done: 0, total: 2 } })
  const url = accepted.headers.location as string
  const { headers: { etag } } = await app.inject({ url })
  t.equal((await app.inject({ url, headers: { 'if-none-match': etag } })).statusCode, 304)
  const poll = app.inject({ url, headers: { prefer: 'wait=10', 'if-none-match': etag } })
  gate.open()
  t.match((await poll).json(), { flow: { done: Number } })
  await until('it has ended', async () => (await app.inject({ url })).json().state === 'succeeded')
  t.match((await app.inject({ url })).json(), { result: 'done', progress: { done: 2, total: 2 } })
  t.equal((await app.inject({ url, method: 'DELETE' })).statusCode, 409)
  const other = await app.tasks.enqueueFlow(signature('x'), { delay: 60_000 })
  const { headers: { 'retry-after': retryAfter } } = await app.inject({ url: other.location! })
  t.ok(Number(retryAfter) > 1 && Number(retryAfter) <= 60, `a delayed flow is due in ${retryAfter} s`)
  const cancelled = await app.inject({ url: other.location!, method: 'DELETE' })
  t.match(cancelled.json(), { state: 'cancelled' })
})

t.test('who may see a flow: all of its members must agree, or the task that is named', async t => {
  const app = await build(t, {}, app => {
    const authorize = async (request: FastifyRequest, { data }: { data: any }): Promise<boolean> =>
      request.headers.user === data
    app.tasks.define('mine', { authorize }, async () => {})
    app.tasks.define('open', async () => {})
  })
  const codeFor = async (handle: any, user: string): Promise<number> =>
    (await app.inject({ url: handle.location, headers: { user } })).statusCode
  const both = await app.tasks.enqueueFlow(group(signature('mine', 'ann'), signature('mine', 'bob'), signature('open')))
  t.same([await codeFor(both, 'ann'), await codeFor(both, 'bob')], [404, 404])
  const one = await app.tasks.enqueueFlow(group(signature('open'), signature('mine', 'ann')))
  t.same([await codeFor(one, 'ann'), await codeFor(one, 'eve')], [200, 404])
  const open = await app.tasks.enqueueFlow(signature('open'))
  t.equal(await codeFor(open, 'eve'), 200)
  const named = await app.tasks.enqueueFlow(group(signature('open'), signature('mine', 'ann')), { authorize: 'mine' })
  t.same([await codeFor(named, 'ann'), await codeFor(named, 'eve')], [200, 404])
  t.match(await errorOf(app.tasks.enqueueFlow(signature('open'), { authorize: 'mine' })),
    { code: 'FST_TASKS_FLOW_OPTION_INVALID' })
})

t.test('who may see a flow: the default of the routes is asked about the members that have no authorize', async t => {
  const authorize = (request: FastifyRequest, { name, data }: { name: string, data: any }): boolean =>
    name !== 'flow' && request.headers.user === data.owner
  const app = await build(t, { routes: { authorize } }, app => { app.tasks.define('x', async () => {}) })
  const codesOf = async ({ location }: any): Promise<number[]> => Promise.all(['ann', 'bob'].map(async user =>
    (await app.inject({ url: location, headers: { user } })).statusCode))
  const [ann, bob] = [signature('x', { owner: 'ann' }), signature('x', { owner: 'bob' })]
  t.same(await codesOf(await app.tasks.enqueueFlow(chain(ann, ann))), [200, 404])
  t.same(await codesOf(await app.tasks.enqueueFlow(group(ann, bob))), [404, 404])
  t.same(await codesOf(await app.tasks.enqueueFlow(group(ann, bob), { authorize: 'x' })), [200, 404])
})

t.test('who may see a flow: members that were added to it must agree too', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('open', async (data, task) => {
      if (data) await task.flow!.add('more', signature('theirs', 'ann'))
    })
    const authorize = (request: FastifyRequest, { data }: { data: any }): boolean => request.headers.user === data
    app.tasks.define('theirs', { authorize }, async () => { throw new Error('a secret of ann') })
    app.tasks.define('last', async () => {})
  })
  await app.tasks.startWorker()
  const seenBy = async ({ location }: any, user: string): Promise<any> =>
    (await app.inject({ url: location, headers: { user } })).json()
  const added = await app.tasks.enqueueFlow(signature('open', true), { finally: signature('last') })
  t.match(await errorOf(added.result(LONG)), { code: 'FST_TASKS_FAILED' })
  t.match((await seenBy(added, 'ann')).error, { message: /a secret of ann/ })
  t.match(await seenBy(added, 'eve'), { code: 'FST_TASKS_NOT_FOUND' })
  const whole = await app.tasks.enqueueFlow(signature('open', false), { finally: signature('last') })
  await whole.result(LONG)
  t.match(await seenBy(whole, 'eve'), { state: 'succeeded' })
})

t.test('of many members the first that is named says who may see the flow', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('mine', { authorize: (request, { data }) => request.headers.user === data }, async () => {})
    app.tasks.define('open', async () => {})
  })
  const others = Array.from({ length: 20 }, (_, i) => signature('mine', `other ${i}`))
  const shape = group(chain(signature('open'), signature('mine', 'ann')), ...others)
  const { location } = await app.tasks.enqueueFlow(shape, { authorize: 'mine' })
  const users = ['ann', ...others.map(({ data }) => data)]
  const replies = await Promise.all(users.map(user => app.inject({ url: location!, headers: { user } })))
  t.same(users.filter((_user, i) => replies[i]!.statusCode === 200), ['ann'])
})

t.test('members that were added, and the one behind all others, must agree too', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('adds', async (_data: unknown, task: any) => task.flow.add('more', signature('mine', 'ann')))
    app.tasks.define('mine', { authorize: (request, { data }) => request.headers.user === data }, () => {
      throw new Error('secret')
    })
    app.tasks.define('open', async () => {})
  })
  await app.tasks.startWorker()
  const last = { finally: signature('mine', 'ann') }
  for (const [shape, options] of [[signature('adds'), {}], [signature('open'), last]]) {
    const handle = await app.tasks.enqueueFlow(shape, options)
    await handle.result(LONG).catch(() => {})
    const codes = ['ann', 'eve'].map(async user =>
      (await app.inject({ url: handle.location!, headers: { user } })).statusCode)
    t.same(await Promise.all(codes), [200, 404])
  }
})

t.test('who may see a flow that has ended: the same', async t => {
  const prefix = randomPrefix()
  const app = await build(t, memoryMode ? {} : { prefix }, app => {
    app.tasks.define('mine', {
      authorize: (request, { data }) => request.headers.user === data
    }, async () => 'secret')
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow(chain(signature('mine', 'ann'), signature('mine', 'ann')))
  const as = (user: string): Promise<any> => app.inject({ url: handle.location!, headers: { user } })
  t.equal(await handle.result(LONG), 'secret')
  await until('nobody has to look at it any more', async () => await keysOf(t, prefix).then(keys =>
    !keys.includes(`${prefix}:{default}:flows`)))
  t.match((await as('ann')).json(), { state: 'succeeded', result: 'secret' })
  t.equal((await as('eve')).statusCode, 404)
  if (memoryMode) return
  await connect(t).del(`${prefix}:{default}:flow:${handle.id}/texts`)
  t.equal((await as('ann')).statusCode, 404, 'nobody, once the members are not known any more')
})

t.test('a task whose data looks like a membership ends no member of a flow', async t => {
  const app = await build(t, { queues: ['other'] }, app => {
    app.tasks.define('x', async () => 'done')
    app.tasks.define('forged', { queue: 'other' }, async () => {})
  })
  const { id } = await app.tasks.enqueueFlow(chain(signature('x'), signature('x')))
  const flow = { id, home: 'default', node: '0', generation: 0, key: '0', keep: 60_000 }
  await app.tasks.enqueue('forged', { flow })
  t.equal(await app.tasks.purge('other'), 1)
  t.match(await app.tasks.status(id), { state: 'active', error: null })
})

t.test('a member that has reported its flow as progress is purged: the flow hears of it', async t => {
  const limits = { free: {}, limited: { limit: { max: 1 } } }
  const app = await build(t, {}, app => {
    for (const [name, options] of Object.entries(limits)) {
      app.tasks.define(name, options, async (_data, task) => {
        await task.reportProgress({ flow: task.flow })
        throw new Snooze({ delay: 3_600_000 })
      })
    }
  })
  await app.tasks.startWorker()
  for (const name of Object.keys(limits)) {
    const handle = await app.tasks.enqueueFlow(chain(signature(name), signature(name)))
    await until('it is put off', async () => (await app.tasks.status(`${handle.id}.0`))?.state === 'delayed')
    t.equal(await app.tasks.purge('default'), 1)
    t.match(await errorOf(handle.result({ timeout: 10_000 })), { code: 'FST_TASKS_FAILED', message: /Member "0"/ }, name)
  }
})

t.test('lists of flows, and of the members of one', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', async () => 'done') })
  const first = await app.tasks.enqueueFlow(chain(signature('x'), signature('x')))
  const second = await app.tasks.enqueueFlow(group(signature('x'), signature('x'), signature('x')))
  const flows = await app.tasks.list({ kind: 'flow' })
  t.same(flows.tasks.map(({ id }) => id).sort(), [first.id, second.id].sort())
  t.equal(flows.cursor, null)
  const page = await app.tasks.list({ flow: second.id, limit: 2 })
  t.match(page.tasks, [{ state: 'waiting', flow: { key: '0' } }, { state: 'waiting', flow: { key: '1' } }])
  const rest = await app.tasks.list({ flow: second.id, limit: 2, cursor: page.cursor! })
  t.match(rest, { tasks: [{ flow: { key: '2' } }], cursor: null })
  const { tasks: [, notStarted] } = await app.tasks.list({ flow: first.id })
  t.match(notStarted, { state: 'waiting', name: 'x' }, 'a member that has not started yet')
  t.match(await errorOf(app.tasks.list({ flow: 'none' })), { code: 'FST_TASKS_NOT_FOUND' })
  for (const cursor of ['x', '-1', '1.5', '1+', '+a b', flows.tasks[0]!.id]) {
    t.match(await errorOf(app.tasks.list({ flow: second.id, cursor })), { code: 'FST_TASKS_CURSOR_INVALID' }, cursor)
  }
  t.match(await errorOf(app.tasks.list({ kind: 'flow', state: 'failed' })), { code: 'FST_TASKS_OPTION_CLASH' })
})

t.test('a member is on one page of its flow, however many are added meanwhile', async t => {
  const steps = [latch(), latch(), latch(), latch()]
  const app = await build(t, { queues: ['idle'] }, app => {
    app.tasks.define('x', { queue: 'idle' }, async () => {})
    app.tasks.define('adds', async (_data, task) => {
      for (const key of ['b', 'd', 'f']) await task.flow!.add(key, signature('x'))
      steps[0]!.open()
      await steps[1]!.promise
      for (const key of ['a', 'e']) await task.flow!.add(key, signature('x'))
      steps[2]!.open()
      await steps[3]!.promise
    })
  })
  await app.tasks.startWorker({ queues: ['default'] })
  const { id } = await app.tasks.enqueueFlow(chain(signature('adds'), signature('x')), { finally: signature('x') })
  await steps[0]!.promise
  const keys: string[] = []
  let cursor: string | null = null
  do {
    const page = await app.tasks.list({ flow: id, limit: 2, ...cursor === null ? {} : { cursor } })
    keys.push(...page.tasks.map(({ flow }) => flow!.key!))
    if (keys.length === 4) {
      steps[1]!.open()
      await steps[2]!.promise
    }
    cursor = page.cursor
  } while (cursor !== null)
  steps[3]!.open()
  t.same(keys, ['0', '1', '0:b', '0:d', '0:e', '0:f', 'finally'])
})

t.test('task.flow.add: what waits for the member waits for what it adds; the same key adds nothing', async t => {
  const added: boolean[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('part', async (data: any) => data)
    app.tasks.define('split', { retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      for (const n of [1, 2, 3]) added.push(await task.flow!.add(`n${n}`, signature('part', n)))
      if (task.attempt === 1) throw new Error('again')
      return 0
    })
    app.tasks.define('join', async (_data, task) => await task.results())
    app.tasks.define('alone', async (_data, task) => [task.flow, (await errorOf(task.previous())).code])
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow(chord([signature('split')], signature('join')))
  t.same(await handle.result(LONG), [0, 1, 2, 3])
  t.same(added, [true, true, true, false, false, false])
  t.match(await handle.status(), { flow: { done: 5, total: 5 } })
  t.same(await (await app.tasks.enqueue('alone')).result(LONG), [null, 'FST_TASKS_NOT_IN_FLOW'])
})

t.test('schema.previous, and a member in a thread', async t => {
  const dir = t.testdir({ 'add.mjs': 'export default async (data, task) => data + await task.previous()' })
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (data: any) => data)
    app.tasks.define('typed', { schema: { previous: { type: 'object' } } }, async (_data, task) => task.previous())
    app.tasks.define('thread', { thread: `${dir}/add.mjs` })
  })
  await app.tasks.startWorker()
  const run = async (...shapes: any[]): Promise<any> => (await app.tasks.enqueueFlow(chain(...shapes))).result(LONG)
  t.equal(await run(signature('x', 1), signature('thread', 10)), 11)
  t.match(await errorOf(run(signature('x', 1), signature('typed'))), {
    message: /Member "1" \(typed\).*: previous must be object/
  })
})
