/**
 * The id and the trace of a request ride along with the tasks that it enqueues, without being passed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, connect, latch, logger, randomPrefix, until } from '../support/helpers.ts'
import tasks, { type FastifyTasks } from '../../lib/plugin.ts'
import { currentOrigin, runInRequest, runWithOrigin } from '../../lib/tasks/request-context.ts'
import type { Origin } from '../../lib/records/origin.ts'

declare module 'fastify' {
  interface FastifyInstance { others: FastifyTasks }
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`
const fields = { trace_id: TRACE, span_id: '00f067aa0ba902b7', trace_flags: '01' }
const seenBy = (task: any): unknown =>
  ({ requestId: task.requestId, traceparent: task.traceparent, tracestate: task.tracestate })

t.test('from a route: id, traceparent and tracestate; in the handler, and in each line of its log', async t => {
  const log = logger()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', (_data, task) => { task.log.info('from inside'); return seenBy(task) })
    app.post('/x', { schema: { body: {} } }, async (_request, reply) => {
      await sleep(1)
      return reply.accepted(await app.tasks.enqueue('x'))
    })
  }, { logger: { stream: log.stream }, genReqId: () => 'req-of-mine' })
  const post = async (headers: Record<string, string> = {}): Promise<any> => {
    const { id } = (await app.inject({ method: 'POST', url: '/x', payload: { a: 1 }, headers })).json()
    return { id, result: await (await app.tasks.handle(id))!.result({ timeout: 60_000 }) }
  }
  const traced = await post({ traceparent, tracestate: 'rojo=1, congo=2' })
  t.same(traced.result, { requestId: 'req-of-mine', traceparent, tracestate: 'rojo=1,congo=2' })
  const lines = await until('all lines are there', () => {
    const found = log.lines.filter(line => line.taskId === traced.id)
    return found.length === 2 ? found : null
  })
  for (const line of lines) t.match(line, { reqId: 'req-of-mine', ...fields })
  const bare = await post()
  t.same(bare.result, { requestId: 'req-of-mine', traceparent: null, tracestate: null })
  t.notOk('trace_id' in log.lines.find(line => line.taskId === bare.id))
  const malformed = traceparent.replace(TRACE, '0'.repeat(32))
  t.same((await post({ traceparent: malformed, tracestate: 'a=1' })).result, bare.result, 'a malformed one is ignored')
  t.same((await post({ traceparent, tracestate: 'A' })).result, { ...bare.result, traceparent })
})

t.test('outside of a request: none; side by side: each its own', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', (_data, task) => seenBy(task))
    app.get('/x/:n', async (request) => {
      await sleep(Math.random() * 10)
      const handle = await app.tasks.enqueue('x')
      return [request.id, ((await handle.result({ timeout: 60_000 })) as any).requestId]
    })
  })
  t.same(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), {
    requestId: null, traceparent: null, tracestate: null
  })
  const replies = await Promise.all(Array.from({ length: 50 }, (_, n) => app.inject(`/x/${n}`)))
  for (const reply of replies) t.equal(...(reply.json() as [string, string]))
  t.equal(new Set(replies.map(reply => reply.json()[0])).size, 50)
})

t.test('requestContext: false: nothing of the request, and no context in the routes of the app', async t => {
  const app = await build(t, { worker: true, requestContext: false, routes: { prefix: '/of/:tenant/tasks' } }, app => {
    app.tasks.define('x', (_data, task) => seenBy(task))
    app.post('/of/:tenant/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
    app.get('/context', async () => currentOrigin() ?? 'none')
  })
  const accepted = await app.inject({ method: 'POST', url: '/of/one/x', headers: { traceparent } })
  t.equal(accepted.statusCode, 202)
  t.notOk('location' in accepted.headers, 'the parameter in the prefix is not known')
  const { id } = accepted.json()
  t.same(await (await app.tasks.handle(id))!.result({ timeout: 60_000 }),
    { requestId: null, traceparent: null, tracestate: null })
  t.equal((await app.inject(`/of/one/tasks/${id}`)).statusCode, 200)
  t.equal((await app.inject({ url: '/context', headers: { traceparent } })).body, 'none')
})

t.test('requestContext: false beside another instance that has it: each finds reply.accepted', async t => {
  const log = logger()
  const app = await build(t, { worker: true, requestContext: false }, async app => {
    await app.register(tasks, { mode: 'memory', name: 'others', routes: false })
    app.tasks.define('x', () => 1)
    app.others.define('y', (_data: unknown, task: any) => task.requestId)
    app.post('/x', async (_request, reply) => reply.accepted(await app.tasks.enqueue('x')))
    app.post('/y', async () => (await app.others.enqueue('y')).id)
  }, { logger: { stream: log.stream }, genReqId: () => 'req-of-mine' })
  t.equal((await app.inject({ method: 'POST', url: '/x' })).statusCode, 202)
  const { body: id } = await app.inject({ method: 'POST', url: '/y' })
  await app.others.drain()
  t.equal((await app.others.status(id))!.result, 'req-of-mine')
  t.notOk(log.lines.find(line => line.event === 'app.accepted_taken'))
})

t.test('requestContext: false beside another instance that has it: its tasks know nothing of the request', async t => {
  const app = await build(t, { worker: true, requestContext: false }, async app => {
    await app.register(tasks, { mode: 'memory', name: 'others', routes: false })
    app.tasks.define('x', (_data, task) => seenBy(task))
    app.post('/x', async () => (await app.tasks.enqueue('x')).id)
  })
  const { body: id } = await app.inject({ method: 'POST', url: '/x', headers: { traceparent, tracestate: 'a=1' } })
  const result = await (await app.tasks.handle(id))!.result({ timeout: 60_000 })
  t.same(result, { requestId: null, traceparent: null, tracestate: null })
})

t.test('a task that enqueues another passes them on, and its retries keep them', async t => {
  const seen: unknown[] = []
  const done = latch()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('first', { retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      seen.push(seenBy(task))
      await sleep(1)
      if (task.attempt === 1) throw new Error('again')
      await app.tasks.enqueueMany('second', [{ data: 1 }])
    })
    app.tasks.define('second', async (_data, task) => { seen.push(seenBy(task)); await app.tasks.enqueue('third') })
    app.tasks.define('third', (_data, task) => { seen.push(seenBy(task)); done.open() })
    app.post('/x', async () => { await app.tasks.enqueue('first') })
  })
  await app.inject({ method: 'POST', url: '/x', headers: { traceparent, tracestate: 'a=1' } })
  await done.promise
  t.same(seen, Array.from({ length: 4 }, () => ({ requestId: 'req-1', traceparent, tracestate: 'a=1' })))
})

t.test('a task without a request, beside one that has one; a worker that a route started', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (_data, task) => { await app.tasks.enqueue('y'); return task.requestId })
    app.tasks.define('y', (_data, task) => task.requestId)
    app.post('/work', async () => { await app.tasks.startWorker(); return 'started' })
  })
  await app.inject({ method: 'POST', url: '/work' })
  await (await app.tasks.enqueue('x')).result({ timeout: 60_000 })
  const ended = await until('y has ended', async () => {
    const { tasks } = await app.tasks.list({ state: 'succeeded', name: 'y' })
    return tasks.length === 1 ? tasks : null
  })
  t.equal(ended[0]!.result, null, 'not the request that started the worker')
})

t.test('a task without a request leaves the one that is being handled', async t => {
  const request: any = { raw: {}, id: 'req-1', headers: {} }
  const originOf = (origin?: Origin): Origin | undefined => {
    let seen: Origin | undefined
    runInRequest(request, () => runWithOrigin(origin, work => work(), () => { seen = currentOrigin() }))
    return seen
  }
  t.strictSame([originOf(), originOf({ reqId: 'req-0' })], [undefined, { reqId: 'req-0' }])
})

t.test('a request id that a client chooses is cut to 256 characters in the record; a number is an id too', async t => {
  const prefix = randomPrefix()
  const handlers = (app: any): void => {
    app.tasks.define('x', (_data: unknown, task: any) => task.requestId)
    app.get('/x', async () => (await app.tasks.enqueue('x')).result({ timeout: 60_000 }))
  }
  const app = await build(t, { prefix, worker: true }, handlers, { requestIdHeader: 'x-id' })
  t.equal((await app.inject({ url: '/x', headers: { 'x-id': 'i'.repeat(10_000) } })).body, 'i'.repeat(256))
  const numbered = await build(t, { worker: true }, handlers, { genReqId: (() => 7) as any })
  t.equal((await numbered.inject('/x')).body, '7')
})

t.test('what stands in a record that another producer wrote is not trusted', async t => {
  const prefix = randomPrefix()
  const log = logger()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', (_data, task) => seenBy(task))
  }, { logger: { stream: log.stream } })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const options = {
    timestamp: 1,
    attempts: 1,
    reqId: 'r'.repeat(5_000),
    traceparent: `${traceparent}${'x'.repeat(5_000)}`,
    tracestate: 'x'.repeat(5_000)
  }
  await redis.hset(key('jobs'), 'a', JSON.stringify({ data: { name: 'x' }, options, status: 'created' }))
  await redis.lpush(key('waiting'), 'a')
  const handle = await until('it is there', () => app.tasks.handle('a'))
  t.same(await handle.result({ timeout: 10_000 }), { requestId: 'r'.repeat(256), traceparent: null, tracestate: null })
  for (const line of log.lines) t.ok(JSON.stringify(line).length < 2_000)
})
