/**
 * The pages as a browser without a script gets them.
 */
import Fastify from 'fastify'
import t from 'tap'
import dashboard from '../../lib/dashboard.ts'
import tasks from '../../lib/plugin.ts'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, errorOf, inRedis, latch, logger, randomPrefix, reaches, until } from '../support/helpers.ts'
import { bytesSent } from '../support/monitor.ts'
import { appWithPage, get, getAll, PATH, post } from './support.ts'

const PAGES = ['', 'queues', 'tasks', 'workers', 'names', 'schedules', 'flows', 'queues/default']

t.test('every page answers without tasks, and with each kind of task', async t => {
  const gate = latch()
  const app = await appWithPage(t, {
    tasks: { worker: true, queues: ['mail'] },
    define (app) {
      app.tasks.define('ok', { expose: ['data'] }, () => ({ answer: 42 }))
      app.tasks.define('no', async (_data, task) => {
        await task.updateState('Half', { current: 1, total: 2 })
        throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
      })
      app.tasks.define('long', () => gate.promise)
      app.tasks.define('letter', { queue: 'mail' })
      app.tasks.defineSchedule('nightly', { task: 'ok', cron: '0 3 * * *', timezone: 'Europe/Berlin' })
    }
  })
  t.teardown(gate.open)
  for (const page of PAGES) t.equal((await get(app, page)).statusCode, 200, page)
  const [ok, no, long] = await Promise.all(['ok', 'no', 'long'].map(name => app.tasks.enqueue(name, { n: 7 })))
  await app.tasks.enqueue('letter', null, { delay: 60_000 })
  await reaches(app, ok!.id, 'succeeded')
  await reaches(app, no!.id, 'failed')
  await reaches(app, long!.id, 'active')
  for (const page of PAGES) t.equal((await get(app, page)).statusCode, 200, page)
  const failed = await get(app, 'tasks?state=failed')
  t.match(failed.body, new RegExp(`tasks/${no!.id}\\?queue=default`))
  t.match(failed.body, /the disk is full/)
  t.match((await get(app, `tasks/${no!.id}?queue=default`)).body, /ENOSPC[^]*attempt 1 started[^]*attempt 1 failed/)
  t.match((await get(app, `tasks/${ok!.id}?queue=default`)).body, /&quot;answer&quot;: 42[^]*&quot;n&quot;: 7/)
  t.match((await get(app, 'schedules')).body, /nightly[^]*At 03:00[^]*Europe\/Berlin[^]*Run now/)
  const seen = await until('the worker is listed', async () => {
    const { body } = await get(app, 'workers')
    return body.includes(long!.id) && body
  })
  t.match(seen, new RegExp(`:${process.pid}`))
})

t.test('a task is found by its id, by the start of it, by its name, and by its error', async t => {
  const app = await appWithPage(t, {
    tasks: { worker: true },
    define (app) { app.tasks.define('resize', () => { throw new Error('the picture is damaged') }) }
  })
  const { id } = await app.tasks.enqueue('resize', null, { id: 'picture-0001' })
  await reaches(app, id, 'failed')
  const { statusCode, headers } = await get(app, `tasks?q=${id}`)
  t.same([statusCode, headers.location], [303, `./tasks/${id}?queue=default`])
  for (const words of ['picture-00', 'RESI', 'is damaged']) {
    t.match((await get(app, `tasks?q=${encodeURIComponent(words)}`)).body, /picture-0001/, words)
  }
  t.match((await get(app, 'tasks?q=nothing-like-it')).body, /There are none/)
})

t.test('tasks with a tag are found by it, and a task shows its tags', async t => {
  const app = await appWithPage(t, { tasks: { queues: ['mail'] }, define (app) { app.tasks.define('x') } })
  await app.tasks.enqueue('x', null, { id: 'one', tags: ['tenant:42'], queue: 'mail' })
  await app.tasks.enqueue('x', null, { id: 'two', tags: ['tenant:42'] })
  await app.tasks.enqueue('x', null, { id: 'three' })
  await app.tasks.cancel('two')
  const { statusCode, headers } = await get(app, 'tasks?q=tenant%3A42')
  t.same([statusCode, headers.location], [303, 'tasks?tag=tenant%3A42'])
  const body = await getAll(app, 'tasks?tag=tenant%3A42')
  t.match(body, /tasks\/two\?queue=default[^]*tasks\/one\?queue=mail/)
  t.notMatch(body, 'tasks/three')
  t.notMatch(await getAll(app, 'tasks?tag=tenant%3A42&state=cancelled'), 'tasks/one')
  t.match((await get(app, 'tasks/one?queue=mail')).body, /href="..\/tasks\?tag=tenant%3A42"><bdi>tenant:42/)
  const { location } = (await post(app, 'matching', {
    do: 'cancel', state: 'waiting', tag: 'tenant:42', sure: 'yes', back: 'tasks'
  })).headers
  t.match(location, /did=cancel/)
  t.match(await app.tasks.status('one'), { state: 'cancelled' })
  t.match(await app.tasks.status('three'), { state: 'waiting' })
})

t.test('a priority is shown if it is not normal, and the keys of limits whose tasks wait', async t => {
  const app = await appWithPage(t, {
    define (app) {
      app.tasks.define('plain', () => {})
      app.tasks.define('sync', { limit: { max: 1, ordered: true, key: (data: any) => data.tenant } }, () => {})
    }
  })
  const { id: normal } = await app.tasks.enqueue('plain')
  t.notMatch((await get(app, 'tasks?state=waiting')).body, /Priority/)
  t.notMatch((await get(app, 'queues/default')).body, /Keys that wait/)
  const { id } = await app.tasks.enqueue('plain', null, { priority: 'high' })
  t.match((await get(app, 'tasks?state=waiting')).body, />Priority</)
  t.match((await get(app, `tasks/${id}`)).body, /<dt>Priority<\/dt><dd>high/)
  t.notMatch((await get(app, `tasks/${normal}`)).body, /Priority|Waits for/)
  const data = { tenant: '<b>42' }
  const [holder, next] = await app.tasks.enqueueMany('sync', [{ data }, { data }])
  const { body } = await get(app, 'queues/default')
  t.match(body, /Keys that wait/)
  t.match(body, '&lt;b&gt;42')
  t.notMatch(body, '<b>42')
  t.match(body, `tasks/${holder!.id}?queue=default`)
  t.match((await get(app, `tasks/${next!.id}`)).body, /<dt>Waits for<\/dt>/)
})

t.test('one id in two queues: both are shown', async t => {
  const app = await appWithPage(t, { tasks: { queues: ['mail'] }, define (app) { app.tasks.define('x') } })
  await app.tasks.enqueue('x', null, { id: 'twice' })
  await app.tasks.enqueue('x', null, { id: 'twice', queue: 'mail' })
  const { body } = await get(app, 'tasks?q=twice')
  t.match(body, /tasks\/twice\?queue=default/)
  t.match(body, /tasks\/twice\?queue=mail/)
})

t.test('a list goes on with a cursor, and each task is on one page', async t => {
  const app = await appWithPage(t, { define (app) { app.tasks.define('x') } })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 120 }, () => ({})))
  const seen: string[] = []
  for (let path: string | undefined = 'tasks?state=waiting'; path;) {
    const { body } = await get(app, path)
    seen.push(...Array.from(body.matchAll(/value="default ([^"]+)"/g), ([, id]) => id!))
    const next: string | undefined = /rel="next" href="([^"]+)"/.exec(body)?.[1]
    path = next && `tasks${next.replaceAll('&amp;', '&')}`
  }
  t.same(seen.toSorted(), handles.map(({ id }) => id).toSorted())
})

t.test('all that match: a question with their number, then all of them, in time too', async t => {
  const app = await appWithPage(t, {
    tasks: { queues: ['mail'] },
    define (app) {
      app.tasks.define('x')
      app.tasks.define('y')
    }
  })
  const { tasks } = app
  await tasks.enqueueMany('x', Array.from({ length: 70 }, () => ({})))
  await tasks.enqueueMany('y', [{}, { delay: 60_000 }])
  const { body } = await get(app, 'tasks?state=waiting&name=x')
  t.match(body, /All that match:/)
  t.notMatch((await get(app, 'tasks?state=waiting&q=x')).body, /All that match:/, 'words are no filter')
  const fields = { do: 'cancel', state: 'waiting', name: 'x', queue: '', back: 'tasks?state=waiting' }
  t.match((await post(app, 'matching', fields)).body, /Cancel 70 tasks \(waiting\)\?/)
  t.equal(await tasks.count({ state: 'waiting' }), 71)
  const { headers } = await post(app, 'matching', { ...fields, sure: 'yes' })
  t.equal(headers.location, '../tasks?state=waiting&did=cancel&ok=70&no=0')
  t.equal(await tasks.count({ state: 'waiting' }), 1)
  t.equal(await tasks.count({ state: 'cancelled' }), 70)
  t.match((await get(app, 'tasks?state=cancelled&from=2001-01-01T00:00')).body, /value="default /)
  t.match((await get(app, 'tasks?state=cancelled&to=2001-01-01T00:00')).body, /There are none/)
  t.match((await get(app, 'tasks?state=cancelled&to=yesterday')).body, /value="default /, 'no time is none')
  const old = { do: 'remove', state: 'cancelled', to: '2001-01-01T00:00:00', sure: 'yes' }
  t.match((await post(app, 'matching', old)).headers.location, /did=remove&ok=0&no=0/)
  const wrong = { do: 'retry', state: 'cancelled', sure: 'yes' }
  t.match((await post(app, 'matching', wrong)).headers.location, /did=retry&ok=0&no=0/)
  const stopped = await get(app, 'tasks?queue=mail&tag=a&state=failed&did=remove&ok=5&no=0&more=CURSOR&of=failed')
  t.match(stopped.body, /5 removed\. There are more\.[^]*name="queue" value="mail"[^]*name="tag" value="a"[^]*value="CURSOR"/)
  const unknown = await post(app, 'matching', { do: 'cancel', state: 'waiting', sure: 'yes', cursor: 'CURSOR' })
  t.equal(unknown.statusCode, 400, 'it goes on from a cursor of its own call')
})

t.test('a flow has its members, and a member its flow', async t => {
  const app = await appWithPage(t, { tasks: { worker: true }, define (app) { app.tasks.define('x', () => 1) } })
  const task = await app.tasks.enqueueFlow(tasks.chain(
    { kind: 'signature', task: 'x', data: 1, options: {} }, { kind: 'signature', task: 'x', data: 2, options: {} }
  ), { id: 'report' })
  await task.result({ timeout: 10_000 })
  t.match((await get(app, 'flows')).body, /tasks\/report\?/)
  const { body } = await get(app, 'tasks/report')
  t.match(body, /Members/)
  const [, path] = /href="\.\.\/(tasks\/report[^"?]+\?[^"]+)"/.exec(body)!
  t.match((await get(app, path!)).body, /href="\.\.\/tasks\/report"/)
})

t.test('a failed member is retried with its flow: its own page offers no button for it', async t => {
  const app = await appWithPage(t, {
    tasks: { worker: true }, define (app) { app.tasks.define('x', () => { throw new Error('no') }) }
  })
  await app.tasks.enqueueFlow(tasks.chain({ kind: 'signature', task: 'x', data: 1, options: {} }), { id: 'report' })
  await reaches(app, 'report', 'failed')
  const [member] = (await app.tasks.list({ flow: 'report' })).tasks
  t.match((await get(app, 'tasks/report')).body, />Retry</)
  const { body } = await get(app, `tasks/${member!.id}`)
  t.match(body, />Remove</)
  t.notMatch(body, />Retry</)
  const fields = { do: 'retry', task: `default ${member!.id}` }
  const { headers } = await post(app, 'tasks', fields)
  t.match((await get(app, headers.location!.replace('../', ''))).body, 'or their flow has to be retried')
})

t.test('the trace of the request that enqueued a task is linked', async t => {
  const app = await appWithPage(t, {
    page: { traceUrl: 'https://traces.example/{traceId}/view' },
    define (app) {
      const task = app.tasks.define('x')
      app.post('/x', async (_request, reply) => reply.accepted(await task.enqueue()))
    }
  })
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
  const { id } = (await app.inject({ method: 'POST', url: '/x', headers })).json()
  t.match((await get(app, `tasks/${id}`)).body, `href="https://traces.example/${traceId}/view"`)
  const plain = await app.tasks.enqueue('x')
  t.notMatch((await get(app, `tasks/${plain.id}`)).body, /traces\.example/)
})

t.test('what is not there is 404, in words; texts of the address are not shown', async t => {
  const app = await appWithPage(t)
  for (const path of ['tasks/nobody', 'tasks/nobody?queue=nowhere', 'queues/nowhere']) {
    const { statusCode, body } = await get(app, path)
    t.equal(statusCode, 404, path)
    t.notMatch(body.replace(/value="[^"]*"/g, ''), /nobody|nowhere/)
  }
  t.equal((await get(app, 'tasks?cursor=waiting~abc&state=waiting')).statusCode, 400)
  t.notMatch((await get(app, '?did=constructor&ok=1')).body, /class="note"/)
  t.match((await get(app, '?did=retry&ok=<b>&no=2')).body, /0 queued again\. 2 could not be/)
})

t.test('hostile names and errors are text, hidden characters are seen', async t => {
  const app = await appWithPage(t, {
    tasks: { worker: true, exposeStack: true },
    define (app) {
      app.tasks.define('x', () => { throw new Error('</pre><script>alert(1)</script>\u202Egnp.exe "onload=1') })
    }
  })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'failed')
  for (const path of ['tasks?state=failed', `tasks/${id}`]) {
    const { body } = await get(app, path)
    t.notMatch(body, /<script>|\u202E/, path)
    t.match(body, /&lt;script&gt;alert\(1\)&lt;\/script&gt;\uFFFD/, path)
  }
})

t.test('headers: a strict CSP, nothing is kept, and not in a frame of others', async t => {
  const app = await appWithPage(t)
  const { headers } = await get(app, '')
  t.match(headers, {
    'content-security-policy': /^default-src 'none'; script-src 'self'; style-src 'self'/,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff'
  })
  t.notMatch(headers['content-security-policy'], /unsafe|nonce|http/)
  const known = await get(app, 'names', { 'if-none-match': (await get(app, 'names')).headers.etag as string })
  t.same([known.statusCode, known.body], [304, ''])
})

t.test('the style sheet and the script are small, are kept for ever, and are zipped for those who ask', async t => {
  const app = await appWithPage(t)
  const { body } = await get(app, '')
  const paths = Array.from(body.matchAll(/(?:href|src)="\.\/(assets\/[^"]+)"/g), ([, path]) => path!)
  t.equal(paths.length, 2)
  for (const path of paths) {
    const plain = await get(app, path)
    t.match(plain.headers['cache-control'], /immutable/)
    t.ok(plain.body.length <= (path.endsWith('.js') ? 12 : 14) * 1_024, `${path}: ${plain.body.length} bytes`)
    const zipped = await get(app, path, { 'accept-encoding': 'gzip' })
    t.equal(zipped.headers['content-encoding'], 'gzip')
    t.ok(zipped.rawPayload.length < plain.body.length)
  }
})

t.test('the first page has a slash at its end, so that its links stay inside', async t => {
  const app = await appWithPage(t)
  const { statusCode, headers } = await app.inject(PATH)
  t.same([statusCode, headers.location], [302, './tasks/'])
})

t.test('a large result is cut on the server', async t => {
  const app = await appWithPage(t, {
    tasks: { worker: true }, define (app) { app.tasks.define('x', () => 'y'.repeat(900_000)) }
  })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'succeeded')
  const { body } = await get(app, `tasks/${id}`)
  t.match(body, /The first 65,536 of 900,002 characters/)
  t.ok(body.length < 100_000)
})

inRedis('results of 3 MB: a list reads none of them, and the page of such a task none', 'counts bytes', async t => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const app = await appWithPage(t, {
    tasks: { redis: server.url, worker: { concurrency: 1 }, maxResultSize: 4_000_000 },
    define (app) { app.tasks.define('x', { keepLogs: 65_536 }, () => 'y'.repeat(3_000_000)) }
  })
  const [first] = await app.tasks.enqueueMany('x', Array.from({ length: 10 }, () => ({})))
  await until('all have run', async () => (await app.tasks.counts()).default!.succeeded === 10)
  const redis = connect(t, server.url)
  const looksAt = async (path: string): Promise<{ body: string, bytes: number }> => {
    const before = await bytesSent(redis)
    const { body } = await get(app, path)
    return { body, bytes: await bytesSent(redis) - before }
  }
  const list = await looksAt('tasks?state=succeeded')
  t.notMatch(list.body, /Next page/)
  t.ok(list.bytes < 100_000, `${list.bytes} bytes of 30 MB`)
  t.ok(list.body.length < 100_000)
  const task = await looksAt(`tasks/${first!.id}`)
  t.ok(task.bytes < 100_000, `${task.bytes} bytes`)
  t.match(task.body, /The record of this task has 3,000,\d\d\d bytes: its data and its result are not shown here/)
  t.match(task.body, /succeeded/)
})

t.test('Redis goes away: 503 in words, and the log of the app has it', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const log = logger()
  const app = await appWithPage(t, { tasks: { redis: redis.url }, server: { logger: { stream: log.stream } } as any })
  t.equal((await get(app, '')).statusCode, 200)
  await redis.kill()
  const body = await until('it is said', async () => {
    const reply = await get(app, 'tasks')
    return reply.statusCode === 503 && reply.body
  })
  t.match(body, /Redis is not available/)
  t.ok(log.lines.some(({ level, err }) => level === 50 && err?.code === 'FST_TASKS_REDIS_UNAVAILABLE'))
})

t.test('wrong options, and an instance that is not there, are named', async t => {
  const boot = async (options: any, withPlugin = true): Promise<any> => errorOf((async () => {
    const app = Fastify()
    t.teardown(() => app.close())
    if (withPlugin) await app.register(tasks, { mode: 'memory' })
    await app.register(dashboard, { prefix: '/page', ...options })
    await app.ready()
  })())
  const wrong: Array<[object, RegExp]> = [
    [{}, /"dashboard: access" must be a function, "anyone-may-read" or "anyone-may-operate", got /],
    [{ access: 'everybody' }, /got "everybody"/],
    [{ acess: () => false }, /no option "acess".*Did you mean "access"/],
    [{ access: () => false, traceUrl: 'https://traces.example' }, /\{traceId\}/],
    [{ access: () => false, traceUrl: '{traceId}' }, /http URL/],
    [{ access: () => false, trustedOrigins: ['https://a.example/'] }, /array of origins/],
    [{ access: () => false, title: '' }, /1 to 100 characters/],
    [{ access: () => false, redact: true }, /must be a function/],
    [{ access: () => false, onRequest: 5 }, /a hook, or an array of hooks/],
    [{ access: () => false, instance: 'jobs' }, /instance "jobs", and this app has: tasks\./]
  ]
  for (const [options, message] of wrong) t.match((await boot(options)).message, message)
  t.match(await boot({ access: () => false }, false), {
    code: 'FST_TASKS_DASHBOARD_INSTANCE_UNKNOWN', message: /this app has: none\. Register fastify-tasks before/
  })
})

t.test('it is registered in a scope, under another instance\'s name, and does not touch the app', async t => {
  const app = await build(t, { prefix: randomPrefix(), name: 'jobs' } as any, app => {
    app.register(async scope => {
      const options = { instance: 'jobs', access: 'anyone-may-read', title: 'Jobs' } as const
      await scope.register(dashboard, { prefix: '/ops/:place', ...options })
    })
    app.post('/json', async request => request.body)
    app.get('/fails', async () => { throw new Error('of the app') })
  })
  const { statusCode, body } = await app.inject('/ops/here/queues')
  t.equal(statusCode, 200)
  t.match(body, /<strong class="brand"><a href="\.\/">Jobs/)
  t.same((await app.inject({ method: 'POST', url: '/json', payload: { a: 1 } })).json(), { a: 1 })
  t.match((await app.inject('/fails')).json(), { message: 'of the app' })
})
