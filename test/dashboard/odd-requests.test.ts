/**
 * Requests that no page of ours makes: they are answered as mistakes of their sender, and never as faults of the app.
 */
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import dashboard from '../../lib/dashboard.ts'
import { build, logger } from '../support/helpers.ts'
import { appWithPage, get, PATH, post } from './support.ts'

const ODD = [
  '', '\u0000', 'x\n', 'user/42', '__proto__', 'constructor', '{a}', '%', '\u00e9', '"><script>', 'a'.repeat(5_000)
]

const define = (app: FastifyInstance): unknown => app.tasks.define('x')
const FILTERS = ['state', 'queue', 'name', 'tag', 'from', 'to', 'q']
const FORMS: Array<[action: string, deed: string, field: string]> = [
  ['queue', 'pause', 'queue'], ['queue', 'resume', 'queue'], ['purge', '', 'queue'],
  ['name', 'pause', 'name'], ['name', 'resume', 'queue'], ['schedule', 'trigger', 'id'],
  ['schedule', 'pause', 'id'], ['schedule', 'remove', 'id'], ['tasks', 'retry', 'task'],
  ['matching', 'cancel', 'name'], ['matching', 'cancel', 'tag']
]

t.test('odd filters of a list are left out, and it says so', async t => {
  const log = logger()
  const app = await appWithPage(t, { define, server: { logger: { stream: log.stream } } })
  const { id } = await app.tasks.enqueue('x')
  for (const field of FILTERS) {
    for (const value of ODD) {
      const { statusCode, body } = await get(app, `tasks?${new URLSearchParams({ state: 'waiting', [field]: value })}`)
      t.ok(statusCode < 400, `${field}=${JSON.stringify(value.slice(0, 20))}: ${statusCode}`)
      t.notMatch(body, /<script>/)
    }
  }
  const { body } = await get(app, 'tasks?state=waiting&name=user%2F42')
  t.match(body, 'The name is not understood, and left out')
  t.match(body, id)
  t.match((await get(app, 'tasks?tag=x%00')).statusCode, 200, 'a tag that is none chooses no states')
  for (const query of ['state=nope', 'tag=x%00']) {
    t.match((await get(app, `tasks?${query}`)).body, /value="active" selected/, `${query}: the form shows what is listed`)
  }
  t.notOk(log.find('dashboard.failed'))
})

t.test('forms that name what is not there, or nothing, do nothing', async t => {
  const log = logger()
  const app = await appWithPage(t, { define, server: { logger: { stream: log.stream } } })
  const { id } = await app.tasks.enqueue('x')
  for (const [action, deed, field] of FORMS) {
    for (const value of ODD) {
      // Without a queue and a name an action on all that match is one on all of them: that is what its form says.
      if (action === 'matching' && value === '') continue
      const given = { do: deed, sure: 'yes', state: 'waiting', name: 'x', queue: 'default', [field]: value }
      const { statusCode } = await post(app, action, given)
      t.ok(statusCode < 500, `${action} ${deed} ${field}=${JSON.stringify(value.slice(0, 20))}: ${statusCode}`)
    }
  }
  t.match((await post(app, 'name', { do: 'pause', queue: 'default', name: 'not-defined' })).statusCode, 400)
  t.match(await app.tasks.status(id), { state: 'waiting', blockedBy: null })
  t.notOk(log.find('dashboard.failed'))
})

t.test('a form without a body is none', async t => {
  const app = await appWithPage(t)
  for (const action of ['tasks', 'matching', 'purge', 'queue', 'constructor', '__proto__']) {
    const { statusCode } = await app.inject({ method: 'POST', url: `${PATH}/actions/${action}` })
    t.ok(statusCode === 400 || statusCode === 403, `${action}: ${statusCode}`)
  }
})

t.test('the links of an error lead to the page, also below a prefix with parameters', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x')
    app.register(dashboard, { prefix: '/of/:tenant/tasks', access: 'anyone-may-operate' })
  })
  for (const tenant of ['a', 'a-much-longer-tenant', 'a%2Fb']) {
    const root = async (options: object): Promise<string | undefined> =>
      /data-root="([^"]*)"/.exec((await app.inject(options)).body)?.[1]
    t.equal(await root({ url: `/of/${tenant}/tasks/flows?cursor=x` }), './', tenant)
    const url = `/of/${tenant}/tasks/actions/schedule`
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    t.equal(await root({ method: 'POST', url, headers, payload: 'do=pause&id=nobody' }), '../', tenant)
  }
})

t.test('the links of an error lead to the page, also below a prefix with a slash at its end', async t => {
  const app = await build(t, {}, app => {
    app.register(dashboard, { prefix: '/admin/', access: 'anyone-may-operate' })
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const url = '/admin/actions/schedule'
  const { body } = await app.inject({ method: 'POST', url, headers, payload: 'do=pause&id=nobody' })
  t.match(body, 'data-root="../"')
})

t.test('a prefix may end with a parameter: its first page is that of the tenant who was asked for', async t => {
  const app = await build(t, {}, app => {
    app.register(dashboard, { prefix: '/tasks-of/:tenant', access: 'anyone-may-operate' })
  })
  for (const tenant of ['a', 'a%2Fb']) {
    t.match(await app.inject(`/tasks-of/${tenant}`), { statusCode: 302, headers: { location: `./${tenant}/` } })
  }
})

t.test('a router that accepts a slash at the end: the page is at its own address, with links that work', async t => {
  const app = await appWithPage(t, { server: { routerOptions: { ignoreTrailingSlash: true } } })
  for (const [asked, own] of [
    ['queues/', '../queues'], ['queues/default/?did=pause', '../default?did=pause'], ['tasks/?q=a/', '../tasks?q=a/']
  ] as const) {
    t.match(await get(app, asked), { statusCode: 302, headers: { location: own } })
  }
  t.equal((await get(app, '')).statusCode, 200)
  t.equal((await get(app, 'queues?x=/')).statusCode, 200)
})
