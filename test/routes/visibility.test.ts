/**
 * Nobody sees or does what they may not: every way to a task over HTTP, against every right.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import {
  build, connect, latch, type Latch, logger, randomPrefix, reaches, REDIS_URL, until
} from '../support/helpers.ts'
import { listen, stream } from '../support/streams.ts'
import type { Authorize, AuthorizeRecord, TaskHandle, TasksOptions } from '../../lib/types.ts'

const yes: Authorize = () => true
const no: Authorize = async () => false
const throws: Authorize = () => { throw new Error('the secret of authorize') }
const rejects: Authorize = async () => { throw Object.assign(new Error('forbidden'), { statusCode: 403 }) }
const nothing = (() => {}) as any as Authorize
/** Answers that are true by JavaScript's rules, and no permission. */
const truthy: Record<string, unknown> = {
  'an object': {}, 'a text': 'no', 'a number': 1, 'an array': [], 'true as an object': Object(true)
}

interface Right {
  /** Whether the process that answers defines the task. */
  defined: boolean
  own?: Authorize
  byDefault?: Authorize
  visible: boolean
}

const rights: Record<string, Right> = {
  'defined, without authorize': { defined: true, visible: true },
  'authorize says yes': { defined: true, own: yes, visible: true },
  'authorize says no': { defined: true, own: no, visible: false },
  'authorize says nothing': { defined: true, own: nothing, visible: false },
  'authorize throws': { defined: true, own: throws, visible: false },
  'authorize rejects with 403': { defined: true, own: rejects, visible: false },
  ...Object.fromEntries(Object.entries(truthy).map(([what, answer]) =>
    [`authorize says ${what}`, { defined: true, own: (() => answer) as any, visible: false }])),
  'a promise of a user': { defined: true, own: (async () => ({ id: 7 })) as any, visible: false },
  'a default says a text': { defined: false, byDefault: (() => 'yes') as any, visible: false },
  'a default says no': { defined: true, byDefault: no, visible: false },
  'a default says yes': { defined: true, byDefault: yes, visible: true },
  'authorize says yes, the default no': { defined: true, own: yes, byDefault: no, visible: true },
  'authorize says no, the default yes': { defined: true, own: no, byDefault: yes, visible: false },
  'not defined here': { defined: false, visible: false },
  'not defined here, a default says yes': { defined: false, byDefault: yes, visible: true },
  'not defined here, a default says no': { defined: false, byDefault: no, visible: false },
  'not defined here, a default throws': { defined: false, byDefault: throws, visible: false }
}

type Way = (base: string, id: string) => Promise<Response>

const ways: Record<string, Way> = {
  GET: (base, id) => fetch(`${base}/tasks/${id}`),
  HEAD: (base, id) => fetch(`${base}/tasks/${id}`, { method: 'HEAD' }),
  'long poll': (base, id) => fetch(`${base}/tasks/${id}`, { headers: { prefer: 'wait=0' } }),
  'GET with an ETag': (base, id) => fetch(`${base}/tasks/${id}`, { headers: { 'if-none-match': '"older"' } }),
  stream: (base, id) => fetch(`${base}/tasks/${id}/events`),
  'reply.accepted': (base, id) => fetch(`${base}/again/${id}`, { method: 'POST' }),
  DELETE: (base, id) => fetch(`${base}/tasks/${id}`, { method: 'DELETE' })
}

/** What of an answer could tell one id from another. */
async function answerFor (id: string, way: Way, base: string): Promise<object> {
  const response = await way(base, id)
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== 'date'))
  return { status: response.status, headers, text: (await response.text()).replaceAll(id, 'ID') }
}

/** The status of an answer, whose body may never end. */
async function statusOf (response: Response): Promise<number> {
  await response.body?.cancel()
  return response.status
}

const idOf = (n: number): string => `0000-${n}`

/** A process that answers HTTP for tasks that `producer` enqueues. */
async function web (t: Test, prefix: string, { defined, own, byDefault }: Right): Promise<string> {
  const routes = { cancel: true, ...(byDefault && { authorize: byDefault }) }
  const app = await build(t, { prefix, redis: REDIS_URL, routes }, app => {
    if (defined) app.tasks.define('x', { ...(own && { authorize: own }) })
    app.post<{ Params: { id: string } }>('/again/:id', async ({ params: { id } }, reply) => {
      const handle = await app.tasks.handle(id)
      if (handle) return reply.accepted(handle)
      return reply.header('cache-control', 'no-store').send(new tasks.errors.TaskNotFound(id))
    })
  })
  return `http://127.0.0.1:${await listen(app)}`
}

for (const [what, right] of Object.entries(rights)) {
  t.test(what, async t => {
    const prefix = randomPrefix()
    const producer = await build(t, { prefix, redis: REDIS_URL }, app => { app.tasks.define('x') })
    const base = await web(t, prefix, right)
    for (const [i, [name, way]] of Object.entries(ways).entries()) {
      const { id } = await producer.tasks.enqueue('x', { owner: 'ada' }, { id: idOf(i) })
      if (right.visible) {
        t.ok([200, 202].includes(await statusOf(await way(base, id))), name)
        continue
      }
      const hidden = await answerFor(id, way, base)
      t.match(hidden, { status: 404 }, name)
      t.same(hidden, await answerFor(idOf(9), way, base), `${name}: as for an id that does not exist`)
      t.match(await producer.tasks.status(id), { state: 'waiting' }, `${name}: nothing was done`)
    }
  })
}

interface Steps { app: FastifyInstance, base: string, port: number, id: string, steps: Latch[] }

/** A running task with two steps. Whether it may be seen is asked at each call of `may`. */
async function running (t: Test, may: Authorize): Promise<Steps> {
  const steps: Latch[] = [latch(), latch(), latch()]
  t.teardown(() => steps.forEach(step => step.open()))
  const app = await build(t, { redis: REDIS_URL, prefix: randomPrefix(), worker: { closeTimeout: 100 } }, app => {
    app.tasks.define('x', { authorize: may }, async (_data, task) => {
      for (const [i, step] of steps.entries()) {
        await step.promise
        await task.updateState(`STEP${i}`)
      }
    })
  })
  const port = await listen(app)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  return { app, port, base: `http://127.0.0.1:${port}`, id, steps }
}

t.test('a stream ends before its next event when the right was withdrawn', async t => {
  let allowed = true
  const { app, port, id, steps } = await running(t, () => allowed)
  const one = await stream(port, `/tasks/${id}/events`)
  await until('the first event', () => one.events.length === 1)
  steps[0]!.open()
  await until('the second event', () => one.events.length === 2)
  allowed = false
  steps[1]!.open()
  await one.ended
  t.same(one.events.map(({ data }) => data.stage), [null, 'STEP0'])
  t.match(await app.tasks.status(id), { stage: 'STEP1' })
  t.match(await app.inject(`/tasks/${id}/events`), { statusCode: 404 }, 'a browser does not connect again')
})

t.test('a long poll is answered 404 when the right was withdrawn meanwhile', async t => {
  const asked = latch()
  let times = 0
  const { base, id, steps } = await running(t, () => {
    asked.open()
    return times++ === 0
  })
  const poll = fetch(`${base}/tasks/${id}`, { headers: { prefer: 'wait=20' } })
  await asked.promise
  steps[0]!.open()
  const response = await poll
  t.equal(response.status, 404)
  t.notOk(response.headers.has('preference-applied'))
  t.match(await response.json(), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('an authorize that throws is logged', async t => {
  const log = logger()
  const app = await build(t, { redis: REDIS_URL, prefix: randomPrefix() }, app => {
    app.tasks.define('x', { authorize: throws })
  }, { logger: { stream: log.stream } })
  const { id } = await app.tasks.enqueue('x')
  const reply = await app.inject(`/tasks/${id}`)
  t.equal(reply.statusCode, 404)
  t.notMatch(reply.payload, /secret/)
  t.match(log.find('task.authorize_failed'), {
    level: 50,
    taskId: id,
    task: 'x',
    reqId: String,
    err: { message: 'the secret of authorize' },
    msg: 'authorize failed: the request is answered as for an unknown id'
  })
})

t.test('an answer of authorize that is no boolean is logged with what came, and not with its text', async t => {
  const log = logger()
  const app = await build(t, { redis: REDIS_URL, prefix: randomPrefix() }, app => {
    app.tasks.define('x', { authorize: (() => 'the secret of authorize') as any })
  }, { logger: { stream: log.stream } })
  const { id } = await app.tasks.enqueue('x')
  t.equal((await app.inject(`/tasks/${id}`)).statusCode, 404)
  const line = log.find('task.authorize_failed')
  t.match(line, { level: 50, taskId: id, err: { code: 'FST_TASKS_AUTHORIZE_INVALID', message: /task "x".*got a string/ } })
  t.notMatch(JSON.stringify(line), /secret/)
})

t.test('authorize gets the data of the task, exposed or not', async t => {
  const seen: AuthorizeRecord[] = []
  const owns: Authorize = ({ headers }: FastifyRequest, record) => {
    seen.push(record)
    return headers.user === record.data.owner
  }
  const options: TasksOptions = { redis: REDIS_URL, prefix: randomPrefix(), routes: { authorize: owns } }
  const app = await build(t, options, app => {
    app.tasks.define('own', { authorize: owns })
    app.tasks.define('default')
    app.tasks.define('exposed', { expose: ['data'] })
  })
  for (const name of ['own', 'default', 'exposed']) {
    const { id } = await app.tasks.enqueue(name, { owner: 'ada' })
    const ada = await app.inject({ url: `/tasks/${id}`, headers: { user: 'ada' } })
    t.equal(ada.statusCode, 200, name)
    t.equal('data' in ada.json(), name === 'exposed')
    t.equal((await app.inject({ url: `/tasks/${id}`, headers: { user: 'eve' } })).statusCode, 404, name)
    const handle = await app.tasks.enqueue(name) // of an earlier version, without an owner: authorize throws
    t.equal((await app.inject({ url: handle.location!, headers: { user: 'ada' } })).statusCode, 404, name)
  }
  t.ok(seen.every(record => 'data' in record && 'state' in record))
})

t.test('a record that cannot be read is nobody\'s, and its text is not quoted', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const closed = await build(t, { redis: REDIS_URL, prefix }, app => { app.tasks.define('unknown') })
  const open = await build(t, { redis: REDIS_URL, prefix, routes: { authorize: yes } })
  await redis.hset(`${prefix}:{default}:jobs`, 'broken', 'hunter2 {"data"')
  t.equal((await closed.inject('/tasks/broken')).statusCode, 404)
  const shown = await open.inject('/tasks/broken')
  t.match(shown.json(), { error: { code: 'FST_TASKS_RECORD_INVALID' } })
  t.notMatch(shown.payload, /hunter2/)
})

t.test('reply.accepted of a handle shows no later task with its id', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x')
    let handle: TaskHandle<any, any> | null = null
    app.post('/look', async () => { handle = await app.tasks.handle('again') })
    app.post('/', async (_request, reply) => reply.accepted(handle!))
  })
  const answer = async (): Promise<number> => (await app.inject({ method: 'POST', url: '/' })).statusCode
  await app.tasks.enqueue('x', 1, { id: 'again' })
  await app.inject({ method: 'POST', url: '/look' })
  t.equal(await answer(), 202)
  await app.tasks.remove('again')
  await app.tasks.enqueue('x', 2, { id: 'again' })
  t.equal(await answer(), 404)
})

t.test('reply.accepted asks the plugin instance that made the handle', async t => {
  const [first, second] = [randomPrefix(), randomPrefix()]
  const app = await build(t, { redis: REDIS_URL, prefix: first }, async app => {
    await app.register(tasks, { redis: REDIS_URL, prefix: second, name: 'reports' })
    const report = (app as any).reports.define('x', { authorize: no })
    app.tasks.define('x')
    app.post('/', async (_request, reply) => reply.accepted(await report.enqueue(1, { id: 'mine' })))
  })
  t.match(await app.inject({ method: 'POST', url: '/' }), { statusCode: 202 }, 'whoever enqueues a task gets its id')
  const again = await app.inject({ method: 'POST', url: '/' })
  t.match(again, { statusCode: 404 })
  t.notOk('location' in again.headers)
})

t.test('a log is not shown if its id has become that of another task while authorize was asked', async t => {
  const [asked, go] = [latch(), latch()]
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', {
      keepLogs: 2_048,
      async authorize (request, { data }) {
        asked.open()
        await go.promise
        return request.headers.user === (data as { user: string }).user
      }
    }, async (data: any, task) => { task.log.error(`log of ${data.user}`) })
  })
  const run = async (user: string): Promise<unknown> =>
    (await app.tasks.enqueue('x', { user }, { id: 'mine' })).result({ timeout: 60_000 })
  const logs = (user: string): Promise<any> => app.inject({ url: '/tasks/mine/logs', headers: { user } })
  await run('ann')
  const seen = logs('ann')
  await asked.promise
  t.equal(await app.tasks.remove('mine'), 'removed')
  await run('bob')
  go.open()
  t.match((await seen).json(), { code: 'FST_TASKS_NOT_FOUND' })
  t.match((await logs('bob')).json(), { lines: [{ msg: 'log of bob' }] })
})
