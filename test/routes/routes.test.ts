import Fastify from 'fastify'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { build, errorOf, latch, reaches, where } from '../support/helpers.ts'

t.test('202 for the enqueue, then 200, without Retry-After once the task has finished', async t => {
  const go = latch()
  const app = await build(t, { worker: true }, app => {
    const task = app.tasks.define('x', async data => { await go.promise; return { got: data } })
    app.post('/x', async (request, reply) => reply.accepted(await task.enqueue(request.body)))
  })
  const accepted = await app.inject({ method: 'POST', url: '/x', payload: { a: 1 } })
  const { id } = accepted.json()
  t.equal(accepted.statusCode, 202)
  t.match(accepted.headers, { location: `/tasks/${id}`, 'cache-control': 'no-store', 'content-type': /json/ })
  t.match(accepted.json(), { name: 'x', queue: 'default', state: 'waiting' })
  await reaches(app, id, 'active')
  const running = await app.inject(`/tasks/${id}`)
  t.match(running, { statusCode: 200, headers: { 'cache-control': 'no-store', 'retry-after': '1' } })
  t.match(running.json(), { id, state: 'active', attempt: 1, result: null, error: null })
  go.open()
  await reaches(app, id, 'succeeded')
  const finished = await app.inject(`/tasks/${id}`)
  t.notOk(finished.headers['retry-after'], 'nothing more to wait for')
  t.same(Object.keys(finished.json()), [
    'id', 'name', 'queue', 'state', 'stage', 'progress', 'attempt', 'attempts', 'priority',
    'enqueuedAt', 'dueAt', 'blockedBy', 'startedAt', 'finishedAt', 'schedule', 'flow', 'tags',
    'result', 'error', 'failedAttempts'
  ])
  t.same(finished.json().result, { got: { a: 1 } })
  t.equal((await app.inject({ method: 'HEAD', url: `/tasks/${id}` })).statusCode, 200)
})

t.test('Retry-After of a delayed task is the time until it is due', async t => {
  const app = await build(t, {}, app => {
    const task = app.tasks.define('x')
    app.post('/x', async (_request, reply) => reply.accepted(await task.enqueue(1, { delay: 90_000 })))
  })
  const { headers } = await app.inject({ method: 'POST', url: '/x' })
  const seconds = Number((await app.inject(headers.location as string)).headers['retry-after'])
  t.ok(seconds > 80 && seconds <= 90, `${seconds} s`)
})

t.test('a delayed and a retrying task say when they are due, and only they', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('fails', { retries: 1, backoff: { strategy: 'fixed', delay: 90_000 } }, () => {
      throw new Error('no')
    })
    app.tasks.define('works', () => {})
  })
  const delayed = await app.tasks.enqueue('works', 1, { delay: 90_000 })
  const enqueuedAt = Date.parse(delayed.snapshot!.enqueuedAt)
  t.equal(delayed.snapshot!.dueAt, new Date(enqueuedAt + 90_000).toISOString())
  t.same(await app.tasks.status(delayed.id), delayed.snapshot)
  const failed = await app.tasks.enqueue('fails')
  t.equal(failed.snapshot!.dueAt, null)
  const retrying = await reaches(app, failed.id, 'retrying')
  t.ok(Date.parse(retrying.dueAt!) >= Date.parse(retrying.startedAt!) + 90_000, retrying.dueAt!)
  for (const { id, location } of [delayed, failed]) {
    const reply = await app.inject(location!)
    t.same(reply.json(), await app.tasks.status(id))
    const seconds = Number(reply.headers['retry-after'])
    t.ok(seconds > 10 && seconds <= 90, `${seconds} s`)
  }
  const done = await app.tasks.enqueue('works')
  t.equal((await reaches(app, done.id, 'succeeded')).dueAt, null)
})

t.test('any JSON as result and progress, unchanged', async t => {
  const values = [null, 0, false, '', 'é', [1, 'a', null], { a: { b: [] } }, 1.5]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async (data, task) => {
      await task.reportProgress(data)
      return data
    })
  })
  for (const value of values) {
    const { id } = await app.tasks.enqueue('x', value)
    await reaches(app, id, 'succeeded')
    const record = (await app.tasks.status(id))!
    t.same((await app.inject(`/tasks/${id}`)).json(), { ...record, result: value, progress: value })
  }
})

t.test('404, in the error format of the app', async t => {
  const app = await build(t)
  const ids = ['nobody', '__proto__', 'constructor', '%00', '..%2F..%2Fx', 'a b', 'x'.repeat(100), '%F0%9F%92%A9']
  for (const id of ids) {
    const reply = await app.inject(`/tasks/${id}`)
    t.match(reply.json(), { statusCode: 404, code: 'FST_TASKS_NOT_FOUND', error: 'Not Found' }, id)
    t.equal(reply.headers['cache-control'], 'no-store')
  }
  t.equal((await app.inject('/tasks/')).statusCode, 404)
  const tooLong = await app.inject(`/tasks/${'x'.repeat(64_000)}`)
  t.equal(tooLong.statusCode, 414, 'Fastify\'s own error: longer than its maxParamLength')
})

t.test('the app\'s hooks and error handler apply', async t => {
  const seen: string[] = []
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', async () => { seen.push('app') })
  app.setErrorHandler((error: any, _request, reply) => reply.code(error.statusCode).send({ mine: error.code }))
  await app.register(tasks, {
    ...where(),
    routes: {
      prefix: '/jobs',
      onRequest: [(_request, _reply, done) => {
        seen.push('onRequest')
        done()
      }],
      preHandler (request, reply, done) {
        seen.push('preHandler')
        if (request.headers.stop) reply.code(401).send({ no: true })
        else done()
      }
    }
  })
  const stopped = await app.inject({ url: '/jobs/x', headers: { stop: '1' } })
  t.equal(stopped.statusCode, 401)
  t.same((await app.inject('/jobs/x')).json(), { mine: 'FST_TASKS_NOT_FOUND' })
  t.same(seen, ['app', 'onRequest', 'preHandler', 'app', 'onRequest', 'preHandler'])
  t.equal((await app.inject('/tasks/x')).statusCode, 404, 'nothing at the default prefix')
})

t.test('routes: false', async t => {
  const app = await build(t, { routes: false }, app => {
    const task = app.tasks.define('x')
    app.post('/x', async (_request, reply) => reply.accepted(await task.enqueue()))
  })
  t.notOk(app.hasRoute({ method: 'GET', url: '/tasks/:id' }))
  const reply = await app.inject({ method: 'POST', url: '/x' })
  t.equal(reply.statusCode, 202)
  t.notOk('location' in reply.headers)
})

t.test('reply.accepted', async t => {
  const app = await build(t, {}, app => {
    const task = app.tasks.define('x')
    app.post('/same', async (_request, reply) => reply.accepted(await task.enqueue(1, { id: 'same' })))
    app.post('/late', (_request, reply) => {
      task.enqueue().then(handle => reply.accepted(handle), error => reply.send(error))
    })
    app.post('/no', async (_request, reply) => reply.accepted({} as any))
  })
  t.equal((await app.inject({ method: 'POST', url: '/same' })).json().id, 'same')
  await app.tasks.cancel('same')
  const again = await app.inject({ method: 'POST', url: '/same' })
  const record = { id: 'same', state: 'cancelled' }
  t.match([again.statusCode, again.json()], [202, record], 'for a task that existed before: its current status')
  t.equal((await app.inject({ method: 'POST', url: '/late' })).statusCode, 202, 'in a route without a promise too')
  t.match((await app.inject({ method: 'POST', url: '/no' })).json(), { code: 'FST_TASKS_HANDLE_INVALID' })
})

t.test('a task has the id of the request that enqueued it', async t => {
  const app = await build(t, { worker: true }, app => {
    const inner = app.tasks.define('inner', (_data, task) => task.requestId)
    const outer = app.tasks.define('outer', async (_data, task) => [task.requestId, (await inner.enqueue()).id])
    app.post('/x', async (request, reply) => {
      await new Promise(resolve => setImmediate(resolve))
      return reply.header('x-id', request.id).accepted(await outer.enqueue(request.body))
    })
  })
  const reply = await app.inject({ method: 'POST', url: '/x', payload: { long: 'x'.repeat(100_000) } })
  const [requestId, innerId] = (await reaches(app, reply.json().id, 'succeeded')).result
  t.equal(requestId, reply.headers['x-id'])
  t.equal((await reaches(app, innerId, 'succeeded')).result, requestId, 'and so has a task that this task enqueues')
  const { id } = await app.tasks.enqueue('inner')
  t.equal((await reaches(app, id, 'succeeded')).result, null, 'null outside of a request')
})

t.test('a wrong enqueue is answered with the code of its error', async t => {
  const app = await build(t, { maxDataSize: 10 }, app => {
    app.tasks.define('x')
    app.post('/x', async (request, reply) => reply.accepted(await app.tasks.enqueue('x', request.body)))
  })
  const reply = await app.inject({ method: 'POST', url: '/x', payload: { a: 'too large for it' } })
  t.match(reply.json(), { statusCode: 413, code: 'FST_TASKS_DATA_TOO_LARGE' })
  t.ok(await errorOf(app.tasks.enqueue('x', 'x'.repeat(100))))
})

t.test('DELETE of a task whose record goes with its cancel is answered with what it was', async t => {
  const app = await build(t, { routes: { cancel: true } }, app => {
    app.tasks.define('x', { resultTtl: 0, authorize: () => true, expose: ['data'] })
  })
  for (const options of [{}, { delay: 60_000 }, { id: 'mine' }]) {
    const { id, location } = await app.tasks.enqueue('x', { a: 1 }, options)
    const { statusCode, body, headers } = await app.inject({ method: 'DELETE', url: location! })
    t.equal(statusCode, 200, body)
    t.match(JSON.parse(body), { id, state: 'cancelled', dueAt: null, finishedAt: /Z$/, data: { a: 1 } })
    t.equal(headers['cache-control'], 'no-store')
    t.equal(await app.tasks.status(id, { queue: 'default' }), null)
    t.equal((await app.inject({ method: 'DELETE', url: location! })).statusCode, 404)
  }
})
