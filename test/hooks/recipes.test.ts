/**
 * The recipes of docs/guides/hooks.md, run as they are written there.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, reaches, where } from '../support/helpers.ts'

const page = readFileSync('docs/guides/hooks.md', 'utf8')
const recipes = new Map([...page.matchAll(/^```js recipe=(\w+)\n([^]*?)^```$/gm)].map(([, name, code]) => [name!, code!]))

/** An app in which a recipe was run, with the names that it uses. */
function cook (
  t: Test, recipe: string, names: Record<string, unknown>, define: (app: FastifyInstance) => void = () => {}
): Promise<FastifyInstance> {
  const all: Record<string, unknown> = { ...names, AsyncLocalStorage }
  return build(t, { ...where(), worker: true }, app => {
    const run = new Function('fastify', ...Object.keys(all), recipes.get(recipe)!) // eslint-disable-line no-new-func
    run(app, ...Object.values(all))
    define(app)
  })
}

t.test('there is a test for each recipe', async t => {
  t.strictSame([...recipes.keys()], ['orm', 'sentry', 'audit', 'tenant'])
})

t.test('orm: each attempt has a session of its own, which ends with it', async t => {
  const store = new AsyncLocalStorage<any>()
  const events: string[] = []
  let made = 0
  const RequestContext = {
    create (_em: unknown, next: () => void) {
      const id = ++made
      store.run({ id, clear: () => { events.push(`clear ${id}`) } }, next)
    },
    getEntityManager: () => store.getStore()
  }
  const app = await cook(t, 'orm', { orm: { em: {} }, RequestContext }, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      await new Promise(resolve => setImmediate(resolve))
      events.push(`handler ${store.getStore().id}`)
      if (task.attempt === 1) throw new Error('once')
    })
  })
  await (await app.tasks.enqueue('x')).result({ timeout: 60_000 })
  t.strictSame(events, ['handler 1', 'clear 1', 'handler 2', 'clear 2'])
})

t.test('sentry: what a handler reports is in the scope of its task; a failed task is reported once', async t => {
  const scopes = new AsyncLocalStorage<any>()
  const reports: any[] = []
  const Sentry = {
    withIsolationScope (run: (scope: any) => void) {
      const scope: any = {
        setTag (key: string, value: string) { scope[key] = value },
        setContext (_key: string, value: object) { scope.context = value }
      }
      scopes.run(scope, () => run(scope))
    },
    captureException: (error: Error) => { reports.push({ message: error.message, ...scopes.getStore() }) }
  }
  const app = await cook(t, 'sentry', { Sentry }, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, async data => { throw new Error(data) })
  })
  const handles = [await app.tasks.enqueue('x', 'a'), await app.tasks.enqueue('x', 'b')]
  for (const { id } of handles) await reaches(app, id, 'failed')
  t.match(reports.sort((a, b) => a.message < b.message ? -1 : 1), handles.map(({ id }, i) =>
    ({ message: ['a', 'b'][i], task: 'x', context: { id, attempt: 2, requestId: null } })))
  t.equal(reports.length, 2)
})

t.test('audit: one entry for each attempt', async t => {
  const rows = new Map<string, any>()
  const audit = { upsert: async (key: string, row: object) => { rows.set(key, row) } }
  const app = await cook(t, 'audit', { audit }, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, (_data, task) => {
      if (task.attempt === 1) throw new Error('once')
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'succeeded')
  t.strictSame([...rows], [
    [`${id} 1`, { task: 'x', outcome: 'retrying', error: 'once', requestId: null }],
    [`${id} 2`, { task: 'x', outcome: 'succeeded', error: null, requestId: null }]
  ])
})

t.test('tenant: a task runs for the tenant of the request that enqueued it', async t => {
  const app = await cook(t, 'tenant', {}, app => {
    app.get('/', async () => {
      const handles = await app.tasks.enqueueMany('report', [{}, { data: { n: 1 } }])
      return Promise.all(handles.map(handle => handle.result({ timeout: 60_000 })))
    })
  })
  const tenants = ['a', 'b', 'c']
  const ask = (tenant: string): Promise<any> => app.inject({ url: '/', headers: { 'x-tenant': tenant } })
  const answers = await Promise.all(tenants.map(ask))
  t.strictSame(answers.map(answer => answer.json()), tenants.map(tenant => Array(2).fill(`report of ${tenant}`)))
})
