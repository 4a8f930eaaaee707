/**
 * The dashboard under `dev`: whom it answers.
 */
import t from 'tap'
import { appRegistry } from '../../lib/boot/app-registry.ts'
import { mountDevPages } from '../../lib/cli/dev-page.ts'
import tasks from '../../lib/plugin.ts'
import { build } from '../support/helpers.ts'
import { overHttp2 } from '../support/http2.ts'

const LOCAL = ['localhost:3000', 'LOCALHOST', 'shop.localhost:80', '127.0.0.1:3000', '127.8.8.8', '[::1]:3000']
const FOREIGN = [
  'evil.example', 'evil.example:3000', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1:3000',
  '[::2]:3000', '[localhost]', 'localhost:3000:1'
]

t.test('it is open on this machine, by its names, and to nobody else', async t => {
  let paths: string[] = []
  const app = await build(t, { mode: 'memory', redis: undefined! }, async app => {
    app.tasks.define('x', () => 1)
    paths = await mountDevPages(app, appRegistry(app))
  })
  t.same(paths, ['/_tasks'])
  const get = async (host: string, remoteAddress = '127.0.0.1', url = '/_tasks/tasks'): Promise<number> =>
    (await app.inject({ url, headers: { host }, remoteAddress })).statusCode
  for (const host of LOCAL) t.equal(await get(host), 200, host)
  for (const host of FOREIGN) t.equal(await get(host), 403, host)
  for (const from of ['10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', '::2']) {
    t.equal(await get('localhost', from), 403, from)
  }
  t.equal(await get('localhost', '::ffff:127.0.0.1'), 200)
  t.equal(await get('localhost', '::1'), 200)
  const through = async (header: string, value: string): Promise<number> =>
    (await app.inject({ url: '/_tasks/tasks', headers: { host: 'localhost', [header]: value } })).statusCode
  for (const value of ['9.9.9.9', '9.9.9.9, 127.0.0.1', '127.0.0.1, 9.9.9.9', '127.0.0.1, unknown']) {
    t.equal(await through('x-forwarded-for', value), 403, `a tunnel, for ${value}`)
  }
  t.equal(await through('forwarded', 'for=9.9.9.9'), 403)
  t.equal(await through('x-forwarded-for', '127.0.0.1, ::1'), 200, 'a proxy on this machine')
  const first = await app.inject({ url: '/_tasks/', headers: { host: 'localhost' } })
  const style = `/_tasks/${/href="\.\/(\S+css)"/.exec(first.body)![1]}`
  t.equal(await get('localhost', '127.0.0.1', style), 200)
  t.equal(await get('evil.example', '127.0.0.1', style), 403, 'its files too')

  const { id } = await app.tasks.enqueue('x', { secret: 7 }, { delay: 60_000 })
  const record = await app.inject({ url: `/_tasks/tasks/${id}`, headers: { host: 'localhost' } })
  t.match(record.body, /secret/, 'data is shown')
  const payload = `do=cancel&sure=yes&task=default%20${id}`
  const form = { method: 'POST', url: '/_tasks/actions/tasks', payload } as const
  const headers = { host: 'evil.example', 'content-type': 'application/x-www-form-urlencoded' }
  t.equal((await app.inject({ ...form, headers })).statusCode, 403)
  t.match(await app.tasks.status(id), { state: 'delayed' })
  t.equal((await app.inject({ ...form, headers: { ...headers, host: 'localhost' } })).statusCode, 303)
  t.match(await app.tasks.status(id), { state: 'cancelled' })
})

t.test('a script of another site cannot read it, whatever the app lets others read', async t => {
  const app = await build(t, { mode: 'memory', redis: undefined! }, async app => {
    app.tasks.define('x', () => 1)
    app.addHook('onRequest', async ({ headers: { origin } }, reply) => { // as @fastify/cors does with origin: true
      if (origin !== undefined) reply.header('access-control-allow-origin', origin)
    })
    await mountDevPages(app, appRegistry(app))
  })
  const get = async (given: Record<string, string>): Promise<number> =>
    (await app.inject({ url: '/_tasks/tasks', headers: { host: 'localhost:3000', ...given } })).statusCode
  const fetched = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  t.equal(await get(fetched), 403)
  t.equal(await get({ origin: 'https://evil.example' }), 403, 'of a browser without Sec-Fetch-Site')
  t.equal(await get({ origin: 'null' }), 403, 'of a frame without an origin')
  t.equal(await get({ ...fetched, 'sec-fetch-site': 'same-site', origin: 'http://localhost:5173' }), 403)
  t.equal(await get({ 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }), 200, 'the page reads itself')
  t.equal(await get({ origin: 'http://localhost:3000' }), 200)
  t.equal(await get({ 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' }), 200, 'a link of another site')
  t.equal(await get({ 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none' }), 200)
})

t.test('over HTTP/2 it is open on this machine too', async t => {
  const app = await build(t, { mode: 'memory', redis: undefined! }, async app => {
    await mountDevPages(app, appRegistry(app))
  }, { http2: true } as object)
  const send = await overHttp2(t, app)
  const get = async (host: string): Promise<number | undefined> =>
    (await send({ ':path': '/_tasks/tasks', ':authority': host })).status
  t.equal(await get('localhost:3000'), 200)
  t.equal(await get('evil.example'), 403)
})

t.test('one page for each instance; a route of the app stays', async t => {
  let paths: string[] = []
  const memory = { mode: 'memory', worker: false } as const
  const app = await build(t, { ...memory, redis: undefined! }, async app => {
    await app.register(tasks, { ...memory, name: 'reports' })
    app.get('/_tasks-reports', () => 'mine')
    paths = await mountDevPages(app, appRegistry(app))
  })
  t.same(paths, ['/_tasks'])
  t.equal((await app.inject('/_tasks-reports')).body, 'mine')
  const other = await build(t, { ...memory, redis: undefined! }, async app => {
    await app.register(tasks, { ...memory, name: 'reports' })
    app.get('/_tasks', () => 'mine')
    paths = await mountDevPages(app, appRegistry(app))
  })
  t.same(paths, ['/_tasks-reports'], 'the others have theirs all the same')
  t.equal((await other.inject('/_tasks')).body, 'mine')
})
