/**
 * The page: a plugin of its own, `fastify-tasks/dashboard`. It shows the tasks of one plugin instance and acts on them.
 * Server-rendered HTML; our script only makes it live. See docs/guides/dashboard.md.
 */
import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { appRegistry, type PluginInstance } from './boot/app-registry.ts'
import { isFromOwnPage, rightsOf, type Rights } from './dashboard/access.ts'
import { act, type Fields } from './dashboard/actions.ts'
import { serveAssets } from './dashboard/assets.ts'
import { acceptForms } from './dashboard/form-body.ts'
import { pages } from './dashboard/pages.ts'
import { failed, refused, statusOf } from './dashboard/pages/problem.ts'
import { sendPage, setHeaders } from './dashboard/reply.ts'
import { Sampler } from './dashboard/sampler.ts'
import * as errors from './errors.ts'
import { dashboardSettings, type DashboardSettings } from './options.ts'
import { toLoggable } from './records/failure.ts'
import type { DashboardOptions } from './types.ts'
import type { MakePage, Page, PageContext, Query } from './dashboard/context.ts'

export type * from './types/dashboard.ts'

/** Serves one page or action: asks for the rights first. */
type Serve = (root: string, make: MakePage) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

async function dashboard (fastify: FastifyInstance, options: DashboardOptions): Promise<void> {
  const settings = dashboardSettings(options)
  const instance = (): PluginInstance => instanceOf(fastify, settings)
  const sampler = new Sampler(instance)
  fastify.addHook('onReady', async () => { instance() })
  fastify.addHook('onClose', async () => { sampler.close() })
  for (const hook of [settings.onRequest ?? []].flat()) fastify.addHook('onRequest', hook)
  fastify.addHook('onRequest', setHeaders)
  acceptForms(fastify)
  const shared = { settings, sampler, instance }
  const serve = server(shared)
  answerErrors(fastify, shared)
  serveAssets(fastify)
  mount(fastify, settings, serve)
}

function instanceOf (fastify: FastifyInstance, { instance }: DashboardSettings): PluginInstance {
  const { instances } = appRegistry(fastify)
  const found = instances.find(({ tasks }) => tasks.name === instance)
  if (found) return found
  const names = instances.map(({ tasks }) => tasks.name).join(', ')
  throw new errors.DashboardInstanceUnknown(instance, names || 'none')
}

type Shared = Pick<PageContext, 'settings' | 'sampler'> & { instance: () => PluginInstance }

type Given = Pick<PageContext, 'request' | 'reply' | 'root'>

/** @param rights null: none */
const contextOf = (shared: Shared, given: Given, rights: Rights | null): PageContext => ({
  ...shared,
  ...given,
  instance: shared.instance(),
  rights: rights ?? {} as Rights,
  params: given.request.params as Query,
  query: onlyTexts(given.request.query as Record<string, unknown>)
})

const server = (shared: Shared): Serve => (root, make) => async (request, reply) => {
  const rights = await rightsOf(shared.settings, request)
  const context = contextOf(shared, { request, reply, root }, rights)
  const page: Page | null = rights ? await make(context) : refused('You may not look at this page.')
  return page ? sendPage(context, page) : reply
}

/** The parser of queries may be the app's: values that are no text are left out. */
function onlyTexts (query: Record<string, unknown>): Query {
  const last = Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value])
  return Object.fromEntries(last.filter(([, value]) => typeof value === 'string'))
}

/** In this scope only: elsewhere the app's error handler answers. */
function answerErrors (fastify: FastifyInstance, shared: Shared): void {
  fastify.setErrorHandler((thrown: unknown, request, reply) => {
    const fields = { event: 'dashboard.failed', err: toLoggable(thrown) }
    if (statusOf(thrown) >= 500) request.log.error(fields, 'page of the dashboard failed')
    setHeaders(request, reply, () => {}) // a hook that failed came before the one that sets them
    // Nobody is asked for rights: that may be what failed.
    const root = rootOf(request, fastify.prefix)
    return sendPage(contextOf(shared, { request, reply, root }, null), failed(thrown))
  })
}

/** The way from the address of a request to the first page. By its route: the prefix may have parameters. */
function rootOf ({ routeOptions: { url } }: FastifyRequest, prefix: string): string {
  const depth = (url ?? prefix).slice(prefix.replace(/\/$/, '').length).split('/').length - 2
  return depth > 0 ? '../'.repeat(depth) : './'
}

function mount (fastify: FastifyInstance, settings: DashboardSettings, serve: Serve): void {
  // Our forms need no schema, and the app's validator may take none of ours.
  const options = { schema: { hide: true } as object, validatorCompiler: () => () => true }
  for (const [path, make] of Object.entries(pages)) {
    const root = '../'.repeat(path.split('/').length - 2) || './'
    fastify.get(path, options, atItsAddress(path, serve(root, make)))
  }
  fastify.post('/actions/:action', options, async (request, reply) => {
    if (!isFromOwnPage(request, settings.trustedOrigins)) throw new errors.DashboardForeignForm()
    return serve('../', context => act(context, (request.body ?? {}) as Fields))(request, reply)
  })
}

/**
 * All links are relative: without a slash at the end those of the first page would lead out of it, and with one those
 * of the others would lead nowhere. A router may be told to accept both.
 */
const atItsAddress = (path: string, handler: ReturnType<Serve>): ReturnType<Serve> => async (request, reply) => {
  const [address] = request.url.split('?', 1) as [string]
  const hasSlash = address.endsWith('/')
  if (hasSlash === (path === '/')) return await handler(request, reply)
  if (!hasSlash) return reply.redirect(`./${address.split('/').at(-1)}/`, 302)
  return reply.redirect(`../${address.split('/').at(-2)}${request.url.slice(address.length)}`, 302)
}

const plugin = fp(dashboard, { fastify: '5.x', name: 'fastify-tasks-dashboard', encapsulate: true })

export default plugin
export { plugin as 'module.exports' }
