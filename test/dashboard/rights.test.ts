/**
 * Who may look and who may act: asked on the server, for each page and each action.
 */
import t from 'tap'
import BeeQueue from 'bee-queue'
import { errorOf, inRedis, logger, randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'
import { appWithPage, get, PATH, post } from './support.ts'
import { overHttp2 } from '../support/http2.ts'
import type { FastifyInstance } from 'fastify'
import type { DashboardAccess, DashboardRight } from '../../lib/types.ts'

interface Target { id: string, fields: Record<string, string>, action: string, state: () => Promise<unknown> }

/** Something to act on for each action, and how to see whether it was done. */
const targets: Record<string, (app: FastifyInstance) => Promise<Target>> = {
  async retry (app) {
    const { id } = await app.tasks.enqueue('fails')
    await reaches(app, id, 'failed')
    return {
      id,
      action: 'tasks',
      fields: { do: 'retry', task: `default ${id}` },
      state: async () => (await app.tasks.status(id))?.failedAttempts.length === 1
    }
  },
  async cancel (app) {
    const { id } = await app.tasks.enqueue('waits')
    const state = async (): Promise<boolean> => (await app.tasks.status(id))?.state === 'waiting'
    return { id, action: 'tasks', fields: { do: 'cancel', task: `idle ${id}` }, state }
  },
  async remove (app) {
    const { id } = await app.tasks.enqueue('waits')
    const state = async (): Promise<boolean> => await app.tasks.status(id) !== null
    return { id, action: 'tasks', fields: { do: 'remove', task: `idle ${id}` }, state }
  },
  async purge (app) {
    const { id } = await app.tasks.enqueue('waits')
    return { id, action: 'purge', fields: { queue: 'idle' }, state: async () => await app.tasks.status(id) !== null }
  },
  async pause (app) {
    await app.tasks.schedules.resume('daily')
    const state = async (): Promise<boolean> => (await app.tasks.schedules.get('daily'))?.paused === false
    return { id: 'daily', action: 'schedule', fields: { do: 'pause', id: 'daily' }, state }
  },
  async trigger (app) {
    const { length } = (await app.tasks.list({ state: 'waiting', queue: 'idle', limit: 1_000 })).tasks
    const state = async (): Promise<boolean> =>
      (await app.tasks.list({ state: 'waiting', queue: 'idle', limit: 1_000 })).tasks.length === length
    return { id: 'daily', action: 'schedule', fields: { do: 'trigger', id: 'daily' }, state }
  }
}
/** The right to pause is for schedules and for queues. */
const pauseOfQueue = async (app: FastifyInstance): Promise<Target> => {
  await app.tasks.resume({ queue: 'idle' })
  const state = async (): Promise<boolean> => !(await app.tasks.counts()).idle!.paused
  return { id: 'idle', action: 'queue', fields: { do: 'pause', queue: 'idle' }, state }
}
const pauseOfName = async (app: FastifyInstance): Promise<Target> => {
  await app.tasks.resume({ queue: 'idle', name: 'waits' })
  const state = async (): Promise<boolean> => !(await app.tasks.counts()).idle!.pausedTasks.includes('waits')
  return { id: 'waits', action: 'name', fields: { do: 'pause', queue: 'idle', name: 'waits' }, state }
}
const RIGHTS = Object.keys(targets) as DashboardRight[]

/** The same on all tasks that match. */
const onAll = (right: 'retry' | 'cancel' | 'remove', filter: Record<string, string>): typeof targets[string] =>
  async app => ({ ...await targets[right]!(app), action: 'matching', fields: { do: right, ...filter } })
const waiting = { state: 'waiting', queue: 'idle', name: 'waits' }

async function delayedTask (app: FastifyInstance): Promise<Target> {
  const { id } = await app.tasks.enqueue('waits', null, { delay: 3_600_000 })
  const soon = Date.now() + 3_000_000
  const state = async (): Promise<boolean> => Date.parse((await app.tasks.status(id))?.dueAt ?? '') > soon
  return { id, action: 'tasks', fields: { do: 'promote', task: `idle ${id}` }, state }
}

const ROWS: Array<[right: DashboardRight, target: typeof targets[string]]> = [
  ...RIGHTS.map((right): [DashboardRight, typeof targets[string]] => [right, targets[right]!]),
  ['retry', delayedTask],
  ['pause', pauseOfQueue],
  ['pause', pauseOfName],
  ['retry', onAll('retry', { state: 'failed', queue: 'default' })],
  ['cancel', onAll('cancel', waiting)],
  ['remove', onAll('remove', waiting)]
]

async function appFor (t: any, access: () => unknown): Promise<FastifyInstance> {
  return appWithPage(t, {
    page: { access: access as () => DashboardAccess },
    tasks: { worker: { queues: ['default'] } },
    define (app) {
      app.tasks.define('fails', () => { throw new Error('no') })
      app.tasks.define('waits', { queue: 'idle' })
      app.tasks.defineSchedule('daily', { task: 'waits', cron: '0 0 * * *' })
    }
  })
}

t.test('each action needs its own right, whatever form is sent', async t => {
  let access: unknown
  const app = await appFor(t, () => access)
  for (const [right, target] of ROWS) {
    const others = Object.fromEntries(RIGHTS.filter(other => other !== right).map(other => [other, true]))
    for (const without of [false, null, undefined, true, 'write', 'read', {}, others, { [right]: 'yes' }]) {
      access = without
      const { action, fields, state } = await target(app)
      const { statusCode } = await post(app, action, { ...fields, sure: 'yes' })
      t.equal(statusCode, 403, `${action} ${right} with ${JSON.stringify(without)}`)
      t.ok(await state(), 'nothing is done')
    }
    for (const having of ['operate', { [right]: true }]) {
      access = having
      const { action, fields, state } = await target(app)
      const { statusCode } = await post(app, action, { ...fields, sure: 'yes' })
      t.equal(statusCode, 303, `${action} ${right} with ${JSON.stringify(having)}`)
      await until('it is done', async () => !await state())
    }
  }
})

t.test('an action on all that match does nothing if a field of its filter is not understood', async t => {
  const app = await appFor(t, () => 'operate')
  const { id } = await app.tasks.enqueue('waits')
  const meant = { do: 'remove', state: 'waiting', queue: 'idle', name: 'waits', sure: 'yes' }
  const wrong = { queue: 'gone', state: 'gone', from: 'yesterday', to: '2026-13-01T00:00' }
  for (const [field, value] of [...Object.entries(wrong), ['to', '2026-02-31T00:00']] as const) {
    for (const sure of ['yes', '']) {
      const { statusCode, body } = await post(app, 'matching', { ...meant, [field]: value, sure })
      t.equal(statusCode, 400, `${field} ${value}`)
      t.match(body, new RegExp(`The form(&#39;|')s (&quot;|")${field}`))
    }
  }
  t.match(await app.tasks.status(id), { state: 'waiting' })
})

t.test('a queue is paused and goes on by the right to pause', async t => {
  let access: unknown = 'read'
  const app = await appFor(t, () => access)
  for (const without of ['read', { purge: true }]) {
    access = without
    const { action, fields, state } = await pauseOfQueue(app)
    t.equal((await post(app, action, fields)).statusCode, 403)
    t.ok(await state(), 'nothing is done')
    t.notMatch((await get(app, 'queues/idle')).body, /value="pause"/)
  }
  access = { pause: true }
  const { action, fields, state } = await pauseOfQueue(app)
  t.match((await get(app, 'queues/idle')).body, /value="pause"/)
  t.equal((await post(app, action, fields)).statusCode, 303)
  t.notOk(await state())
  await until('the page shows it', async () => /value="resume"/.test((await get(app, 'queues/idle')).body))
  t.match((await get(app, 'queues')).body, /paused/)
  t.equal((await post(app, action, { ...fields, do: 'resume' })).statusCode, 303)
  t.ok(await state())
  await app.tasks.pause({ name: 'waits' })
  await until('the page shows the name', async () => /do not start/.test((await get(app, 'queues/idle')).body))
})

t.test('a name is paused and goes on in one queue; a form without a name does nothing', async t => {
  let access: unknown = { pause: true }
  const app = await appFor(t, () => access)
  const page = async (): Promise<string> => (await get(app, 'queues/idle')).body
  t.match(await page(), /<option>waits<\/option>/)
  const pause = { do: 'pause', queue: 'idle', name: 'waits' }
  t.equal((await post(app, 'name', { ...pause, name: '' })).statusCode, 400)
  t.match((await app.tasks.counts()).idle, { paused: false, pausedTasks: [] })
  t.equal((await post(app, 'name', pause)).statusCode, 303)
  t.match((await app.tasks.counts()).idle, { paused: false, pausedTasks: ['waits'] })
  await until('the page can end it', async () => /Resume waits/.test(await page()))
  t.notMatch(await page(), /<option>waits<\/option>/)
  access = 'read'
  t.notMatch(await page(), /Resume waits|Pause one name/)
  access = { pause: true }
  t.equal((await post(app, 'name', { ...pause, do: 'resume' })).statusCode, 303)
  t.match((await app.tasks.counts()).idle, { pausedTasks: [] })
})

t.test('who may not look sees nothing, on any page', async t => {
  const app = await appFor(t, () => false)
  for (const path of ['', 'queues', 'queues/idle', 'tasks', 'tasks/x', 'workers', 'names', 'schedules', 'flows']) {
    const { statusCode, body } = await get(app, path)
    t.equal(statusCode, 403, path)
    t.notMatch(body, /idle|daily/)
  }
})

t.test('an access that throws shows nothing, and its error stays in the log', async t => {
  const log = logger()
  const app = await appWithPage(t, {
    page: { access: () => { throw new Error('the secret of the session store') } },
    server: { logger: { stream: log.stream } } as any
  })
  const { statusCode, body } = await get(app, 'tasks')
  t.equal(statusCode, 500)
  t.notMatch(body, /secret/)
})

t.test('who may only look is offered no button', async t => {
  const app = await appFor(t, () => 'read')
  await app.tasks.enqueue('waits')
  for (const path of ['tasks?state=waiting', 'queues/idle', 'schedules']) {
    t.notMatch((await get(app, path)).body, /method="post" action="[^"]*actions\/(purge|schedule|matching)|name="do"/, path)
  }
})

t.test('what destroys is asked first: the same form with the answer does it', async t => {
  const app = await appFor(t, () => 'operate')
  for (const [right, target] of ROWS.filter(([right]) => ['cancel', 'remove', 'purge'].includes(right))) {
    const { action, fields, state } = await target(app)
    const { statusCode, body } = await post(app, action, fields)
    t.equal(statusCode, 200, right)
    t.match(body, /name="sure" value="yes"/)
    t.notMatch(body, 'data-live', 'our script does not read it again: its address has no page')
    t.ok(await state(), 'nothing is done yet')
    t.equal((await post(app, action, { ...fields, sure: 'yes' })).statusCode, 303)
    t.notOk(await state())
  }
  t.match((await get(app, 'tasks')).body, /<main [^>]*data-live>/)
})

t.test('forms from elsewhere are refused', async t => {
  const app = await appWithPage(t, { page: { trustedOrigins: ['https://admin.example'] } })
  const from = async (headers: Record<string, string>): Promise<number> =>
    (await post(app, 'purge', { queue: 'default', sure: 'yes' }, { host: 'app.example', ...headers })).statusCode
  const good = [
    {}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: 'http://app.example' },
    { 'sec-fetch-site': 'same-site', origin: 'https://admin.example' }
  ]
  const bad = [
    { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', origin: 'http://app.example' },
    { origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://app.example.evil.example' }
  ]
  for (const headers of good) t.equal(await from(headers as any), 303, JSON.stringify(headers))
  for (const headers of bad) t.equal(await from(headers as any), 403, JSON.stringify(headers))
})

t.test('forms over HTTP/2, from a browser without Sec-Fetch-Site: those of the host that it asked', async t => {
  const app = await appWithPage(t, { server: { http2: true } as object })
  const send = await overHttp2(t, app)
  const from = async (origin: string, more = {}): Promise<number | undefined> => (await send({
    ':method': 'POST',
    ':path': `${PATH}/actions/purge`,
    ':authority': 'app.example',
    'content-type': 'application/x-www-form-urlencoded',
    origin,
    ...more
  }, 'queue=default&sure=yes')).status
  t.equal(await from('https://app.example'), 303)
  t.equal(await from('https://evil.example'), 403)
  t.equal(await from('https://evil.example', { host: 'evil.example' }), 403)
})

t.test('an action comes back to the page of the form, and never to another site', async t => {
  const app = await appFor(t, () => 'operate')
  const placeAfter = async (back: string): Promise<unknown> =>
    (await post(app, 'purge', { queue: 'idle', sure: 'yes', back })).headers.location
  t.equal(await placeAfter('tasks?state=failed'), '../tasks?state=failed&did=purge&ok=0&no=0')
  t.equal(await placeAfter('queues/idle'), '../queues/idle?did=purge&ok=0&no=0')
  for (const evil of ['//evil.example', 'https://evil.example', '/x', '../x', 'a\\b', 'x\r\nset-cookie: a=b']) {
    t.equal(await placeAfter(evil), '../?did=purge&ok=0&no=0', evil)
  }
})

t.test('an action is logged with who did it', async t => {
  const log = logger()
  const app = await appWithPage(t, {
    page: { user: request => request.headers['x-user'] as string },
    define (app) { app.tasks.define('x') },
    server: { logger: { stream: log.stream } } as any
  })
  const { id } = await app.tasks.enqueue('x')
  await post(app, 'tasks', { do: 'cancel', task: `default ${id}`, sure: 'yes' }, { 'x-user': 'mary' })
  const line = { level: 30, user: 'mary', did: 'cancel', ok: 1, no: 0, tasks: [`default ${id}`] }
  t.match(log.find('dashboard.acted'), line)
})

t.test('data is shown only as far as it may be seen', async t => {
  let access: DashboardAccess = 'operate'
  const app = await appWithPage(t, {
    page: {
      access: () => access,
      redact: ({ name, data }) => name === 'login' ? { user: (data as any).user } : undefined
    },
    define (app) {
      app.tasks.define('login')
      app.tasks.define('other')
    }
  })
  const [login, other] = [
    await app.tasks.enqueue('login', { user: 'mary', password: 'pa55word' }),
    await app.tasks.enqueue('other', { card: '4111' })
  ]
  const page = async ({ id }: { id: string }): Promise<string> => (await get(app, `tasks/${id}`)).body
  t.match(await page(login), /mary/)
  t.notMatch(await page(login), /pa55word/)
  t.notMatch(await page(other), /4111/)
  access = 'read'
  t.notMatch(await page(login), /mary/)
})

t.test('a redact that fails shows no data, and the rest of the page', async t => {
  const log = logger()
  const answers: Record<string, () => unknown> = {
    throws: () => { throw new Error('pa55word') },
    rejects: () => Promise.reject(new Error('pa55word')),
    'has no JSON': () => ({ user: 1n }),

    'rejects with what is no error': () => Promise.reject(Object.create(null))
  }
  const app = await appWithPage(t, {
    page: { access: () => 'operate', redact: ({ data }) => answers[(data as any).kind]!() },
    define (app) { app.tasks.define('login') },
    server: { logger: { stream: log.stream } } as any
  })
  for (const kind of Object.keys(answers)) {
    const { id } = await app.tasks.enqueue('login', { kind, password: 'pa55word' })
    const { statusCode, body } = await get(app, `tasks/${id}`)
    t.equal(statusCode, 200, kind)
    t.match(body, /<code>redact<\/code> has failed/, kind)
    t.match(body, /What happened/, kind)
    t.notMatch(body, /pa55word/, kind)
    t.match(log.find('dashboard.redact_failed'), { level: 40, taskId: id, queue: 'default' }, kind)
    log.lines.length = 0
  }
})

t.test('data that a task exposes is shown to those with the right', async t => {
  let access: DashboardAccess = { data: true }
  const app = await appWithPage(t, {
    page: { access: () => access }, define (app) { app.tasks.define('x', { expose: ['data'] }) }
  })
  const { id } = await app.tasks.enqueue('x', { user: 'mary' })
  t.match((await get(app, `tasks/${id}`)).body, /mary/)
  access = { retry: true }
  t.notMatch((await get(app, `tasks/${id}`)).body, /mary/)
})

t.test('what is no action is refused, and tasks of unknown queues are counted as not done', async t => {
  const app = await appFor(t, () => 'operate')
  const unknown = [['nothing', {}], ['tasks', { do: 'explode' }], ['tasks', {}], ['schedule', {}]] as const
  for (const [action, fields] of unknown) {
    t.equal((await post(app, action, fields as any)).statusCode, 403)
  }
  const { headers } = await post(app, 'tasks', { do: 'retry', task: 'nowhere x' })
  t.match(headers.location, /ok=0&no=1/)
  t.equal((await post(app, 'schedule', { do: 'pause', id: 'nobody' })).statusCode, 404)
  t.equal((await errorOf(app.tasks.schedules.pause('nobody'))).code, 'FST_TASKS_SCHEDULE_NOT_FOUND')
})

inRedis('an id with blanks, of another producer: that task is meant, and no other', 'no other producer', async t => {
  const prefix = randomPrefix()
  const app = await appWithPage(t, { tasks: { prefix }, define (app) { app.tasks.define('x') } })
  const queue = new BeeQueue('{default}', { prefix, isWorker: false, redis: REDIS_URL as any })
  t.teardown(() => queue.close())
  for (const id of ['a', 'a b', 'a b c']) await queue.createJob({ name: 'x', data: null }).setId(id).save()
  const { body } = await get(app, 'tasks?state=waiting')
  const fields = Array.from(body.matchAll(/name="task" value="([^"]+)"/g), ([, field]) => field!)
  t.same(fields, ['default a', 'default a b', 'default a b c'])
  t.match((await post(app, 'tasks', { do: 'cancel', task: fields[1]!, sure: 'yes' })).headers.location, /ok=1&no=0/)
  const states = await Promise.all(['a', 'a b', 'a b c'].map(async id => (await app.tasks.status(id))?.state))
  t.same(states, ['waiting', 'cancelled', 'waiting'])
})

t.test('a login of the app comes first', async t => {
  const app = await appWithPage(t, {
    page: {
      onRequest: (request, reply, done) => {
        if (request.headers.authorization) done()
        else void reply.code(401).send('who?')
      }
    }
  })
  t.equal((await get(app, 'tasks')).statusCode, 401)
  t.equal((await get(app, 'tasks', { authorization: 'Basic x' })).statusCode, 200)
})

t.test('a login that throws: the page which says so has the headers of every page', async t => {
  const app = await appWithPage(t, {
    page: { onRequest: (_request, _reply, done) => done(Object.assign(new Error('who?'), { statusCode: 401 })) }
  })
  t.match(await get(app, 'tasks'), {
    statusCode: 401,
    headers: { 'content-security-policy': /default-src 'none'/, 'cache-control': 'no-store' }
  })
})

t.test('what each object has from Node is no action', async t => {
  const app = await appWithPage(t)
  const places = ['nothing', 'constructor', '__proto__', 'toString', 'tasks', 'queue', 'purge']
  for (const place of places) {
    for (const name of ['nothing', 'name', 'constructor', 'toString', 'create', '__proto__']) {
      const { statusCode, body } = await post(app, place, { do: name })
      t.equal(statusCode, 403, `${place}, ${name}`)
      t.match(body, 'There is no such action.', `${place}, ${name}`)
    }
  }
})

t.test('an access that returns what is none shows nothing, and says so', async t => {
  const log = logger()
  let answer: unknown
  const app = await appWithPage(t, {
    page: { access: () => answer as DashboardAccess }, server: { logger: { stream: log.stream } }
  })
  const user = new (class User { readonly retry = true })()
  const none = [[], ['retry'], new Error('no'), new Map(), user, { read: false }, { retry: true, role: 'x' }, 'none', 1]
  for (answer of none) t.equal((await get(app, 'tasks')).statusCode, 403, String(answer))
  t.equal(log.lines.filter(({ event }) => event === 'dashboard.access_invalid').length, none.length)
  for (answer of [{}, { retry: undefined }, Object.create(null), { data: false }]) {
    t.equal((await get(app, 'tasks')).statusCode, 200)
  }
  for (answer of [false, null, undefined, '', 0]) t.equal((await get(app, 'tasks')).statusCode, 403)
  t.equal(log.lines.filter(({ event }) => event === 'dashboard.access_invalid').length, none.length)
})

t.test('what is thrown may be anything: it is answered as an error, and shows nothing', async t => {
  const log = logger()
  let thrown: unknown
  const app = await appWithPage(t, {
    page: { access: () => { throw thrown } }, server: { logger: { stream: log.stream } }
  })
  const secret = (more: object): Error => Object.assign(new Error('the secret'), more)
  const all = [
    null, undefined, 'the secret', 42, Symbol('the secret'), secret({ code: 11_000 }), secret({ statusCode: 200 }),
    secret({ statusCode: 99 }), secret({ statusCode: '404' }), Object.freeze(secret({}))
  ]
  for (thrown of all) {
    const { statusCode, headers, body } = await get(app, 'tasks')
    t.equal(statusCode, 500, String(thrown))
    t.match(headers['content-type'], 'text/html')
    t.match(body, 'The log of the app says what.')
    t.notMatch(body, /secret/)
  }
  t.equal(log.lines.filter(({ event }) => event === 'dashboard.failed').length, all.length)
  thrown = secret({ statusCode: 401 })
  const { statusCode, body } = await get(app, 'tasks')
  t.equal(statusCode, 401)
  t.match(body, 'The app does not accept this request.')
})

t.test('nothing is done if nobody can be named for it', async t => {
  const app = await appWithPage(t, {
    page: { user: async () => { throw new Error('no session') } },
    define: app => app.tasks.define('x')
  })
  const { id } = await app.tasks.enqueue('x')
  t.equal((await post(app, 'tasks', { do: 'cancel', task: `default ${id}`, sure: 'yes' })).statusCode, 500)
  t.match(await app.tasks.status(id), { state: 'waiting' })
})

t.test('an action that breaks off is logged with who did it', async t => {
  const log = logger()
  const app = await appWithPage(t, {
    page: { user: async () => 'mary' }, server: { logger: { stream: log.stream } }
  })
  t.equal((await post(app, 'schedule', { do: 'trigger', id: 'nobody' })).statusCode, 404)
  t.match(log.find('dashboard.broken_off'), { level: 40, user: 'mary', did: 'trigger', schedule: 'nobody' })
  t.notOk(log.find('dashboard.acted'))
})

t.test('"Go on" asks first, unless the way to it began on a page of this origin', async t => {
  const app = await appFor(t, () => 'operate')
  const path = 'tasks?did=remove&ok=5&no=0&more=x&of=failed&queue=default'
  const offered = async (headers: Record<string, string>): Promise<string> =>
    /<div class="note".*?<\/div>/s.exec((await get(app, path, headers)).body)?.[0] ?? ''
  for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'none' }]) {
    t.match(await offered(headers as any), 'Go on')
    t.notMatch(await offered(headers as any), 'name="sure"')
  }
  t.match(await offered({ 'sec-fetch-site': 'same-origin' }), 'name="sure" value="yes"')
})

t.test('the question says on which tasks: the tag too, and each field once', async t => {
  const app = await appFor(t, () => 'operate')
  const { body } = await post(app, 'matching', { do: 'remove', state: 'waiting', queue: 'idle', tag: 'tenant:42' })
  t.match(body, '<ul><li><bdi>idle</bdi></li><li><bdi>tenant:42</bdi></li></ul>')
  const { body: twice } = await app.inject({
    method: 'POST',
    url: `${PATH}/actions/purge`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'queue=idle&queue=default'
  })
  t.match(twice, '<ul><li><bdi>idle</bdi></li></ul>')
})
