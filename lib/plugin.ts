/**
 * The plugin, the package's default export. It registers in this order: options → store → registry → decorators →
 * routes → worker.
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import { ThreadPool } from './attempt/thread-pool.ts'
import { appRegistry, type PluginInstance } from './boot/app-registry.ts'
import { checkSharedQueues } from './boot/shared-queues.ts'
import { drainBeforeClose } from './boot/drain-before-close.ts'
import { decorate } from './decorators.ts'
import { AppFlows } from './flows/app-flows.ts'
import { chain, chord, flow, group } from './flows/shapes.ts'
import * as errors from './errors.ts'
import { pluginSettings, workerSettings, type Settings } from './options.ts'
import { listKeys } from './limits/list-keys.ts'
import { measureQueues } from './metrics/queue-gauges.ts'
import { refuseOurRoutes } from './routes/route-clash.ts'
import { AppSchedules } from './schedules/app-schedules.ts'
import { makeRoutes } from './routes/routes.ts'
import { connect, disconnect, isClient, type RedisClient } from './store/redis/connection.ts'
import { Greeting } from './store/redis/greeting.ts'
import { findQueues } from './store/redis/inspect.ts'
import { RedisStore } from './store/redis/store.ts'
import { steadyLog } from './steady-log.ts'
import { listBriefs, lookFor } from './tasks/listing.ts'
import { AppTasks } from './tasks/app-tasks.ts'
import { logsOf } from './tasks/task-logs.ts'
import { MemoryMode } from './testing/memory-mode.ts'
import { RealClock, type TestClock } from './testing/test-clock.ts'
import { within } from './within.ts'
import { AppWorkers, logFailedStart } from './worker.ts'
import type { Queue } from './store/contract.ts'
import type { Store } from './store/store-contract.ts'
import type { FastifyTasks, TasksOptions } from './types.ts'

/** What differs between the modes. */
interface Mode extends Pick<PluginInstance, 'findQueues' | 'checkServable'> {
  readonly store: Store
  makeClock (registry: AppTasks, workers: AppWorkers): TestClock
  /**
   * Waits for the store, but not for long: the app starts without it.
   * @param instance names the plugin instance in telemetry
   * @returns the client for the hooks of the routes, if it is ours and ready
   */
  start (instance: string): Promise<RedisClient | null>
  close (): Promise<void>
}

async function fastifyTasks (fastify: FastifyInstance, options: TasksOptions): Promise<void> {
  const settings = withinBoot(fastify, pluginSettings(options))
  const mode = settings.mode === 'memory' ? new MemoryMode(fastify, options) : await redisMode(fastify, settings)
  const registry = new AppTasks(fastify, settings, mode.store)
  const flows = registry.flows = new AppFlows(registry, steadyLog(() => fastify.log))
  const workers = new AppWorkers(registry, new ThreadPool(settings))
  const clock = mode.makeClock(registry, workers)
  const schedules = new AppSchedules(fastify, registry)
  connectMetrics(fastify, registry, workers)
  const drain = makeDrain(registry, workers, clock)
  closeWithApp(fastify, mode, { registry, schedules }, drain)
  const tasks = decorate(fastify, { registry, workers, clock, schedules, flows })
  announce(fastify, mode, registry, tasks, drain)
  const client = await mode.start(registry.instanceId)
  fastify.addHook('onReady', async () => registry.declareLimits())
  await mountRoutes(fastify, registry, client)
  startEmbeddedWorker(fastify, registry, workers)
}

/** Fastify fails the boot if a plugin takes longer than pluginTimeout: we wait for Redis less long than that. */
function withinBoot ({ initialConfig: { pluginTimeout } }: FastifyInstance, settings: Settings): Settings {
  const { connectTimeout } = settings
  return { ...settings, connectTimeout: pluginTimeout ? Math.min(connectTimeout, pluginTimeout / 2) : connectTimeout }
}

async function redisMode (fastify: FastifyInstance, settings: Settings): Promise<Mode> {
  const decorated = fastify.hasDecorator('redis') ? fastify.redis : undefined
  const connection = connect(settings.redis ?? await offeredRedis(fastify, decorated), decorated)
  const { client, owned } = connection
  const log = steadyLog(() => fastify.log)
  const store = new RedisStore(connection, settings, log)
  const { connectTimeout, name, prefix } = settings
  const greeting = new Greeting({ connection, clock: store.clock, connectTimeout, prefix, log })
  return {
    store,
    makeClock: () => new RealClock(name),
    start: async instance => await greeting.start(instance) && owned ? client : null,
    async close () {
      greeting.stop()
      if (owned) await disconnect(client)
    },
    findQueues: () => findQueues(client, prefix),
    checkServable () {}
  }
}

/** The Redis of the program that runs the app, such as `dev`. Undefined if the app or REDIS_URL names another. */
async function offeredRedis (fastify: FastifyInstance, decorated: unknown): Promise<string | undefined> {
  return isClient(decorated) || process.env.REDIS_URL ? undefined : await appRegistry(fastify).redis?.()
}

/**
 * Called early: if a later step fails, what is open is closed. Workers close before any `onClose` hook of the app:
 * their tasks use what such a hook closes. The connection closes last: workers need it.
 */
function closeWithApp (
  fastify: FastifyInstance, mode: Mode, { registry, schedules }: { registry: AppTasks, schedules: AppSchedules },
  drain: () => Promise<void>
): void {
  drainBeforeClose(fastify, drain)
  fastify.addHook('onClose', async () => {
    await schedules.close()
    await drain()
    await registry.close()
    await mode.close()
  })
}

function connectMetrics (fastify: FastifyInstance, { metrics, settings }: AppTasks, workers: AppWorkers): void {
  const { registry } = typeof settings.metrics === 'object' ? settings.metrics : {}
  metrics?.setLoad(() => workers.load())
  metrics?.joinWhenReady(fastify, registry)
}

/** Returns a function that closes the workers, and after that ends all waits for tasks: the drain may answer them. */
function makeDrain (registry: AppTasks, workers: AppWorkers, clock: TestClock): () => Promise<void> {
  let drained: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    registry.beginClose()
    clock.close()
    await workers.close()
    await registry.endWaits()
  }
  return () => (drained ??= drain())
}

const queuesOf = (registry: AppTasks, name: string | undefined): Iterable<Queue> =>
  name === undefined ? registry.queues.values() : [registry.queue(name)]

const listsOf = (registry: AppTasks): Pick<PluginInstance, 'listBriefs' | 'lookFor'> => ({
  listBriefs: (options, filter) => listBriefs(registry, options, filter),
  lookFor: word => lookFor(registry, word)
})

/** Makes the instance known to the program that runs the app. */
function announce (
  fastify: FastifyInstance, mode: Mode, registry: AppTasks, tasks: FastifyTasks, drain: () => Promise<void>
): void {
  const { store: { address }, settings: { queues, mode: where, prefix }, definitions } = registry
  const instance: PluginInstance = {
    tasks,
    address,
    prefix: where === 'memory' ? null : prefix,
    queues,
    definitions,
    metrics: registry.metrics,
    measure: () => measureQueues(registry.queues.values(), registry.calls),
    listKeys: (limit, queue) => listKeys(queuesOf(registry, queue), registry.calls, limit),
    drain,
    knownQueues: () => [...registry.queues.keys()],
    readTask: (id, queue, maxBytes) => readTask(registry, id, queue, maxBytes),
    ...listsOf(registry),
    readGraph: (id, queue, most) => readGraph(registry, id, queue, most),
    findQueues: () => mode.findQueues(),
    checkServable: app => mode.checkServable(app)
  }
  const app = appRegistry(fastify)
  app.instances.push(instance)
  fastify.addHook('onReady', async () => checkSharedQueues(app, instance))
}

async function readGraph (
  registry: AppTasks, id: string, queue: string, most: number
): ReturnType<PluginInstance['readGraph']> {
  const found = await registry.find(id, queue)
  return found?.stored.options.graph ? registry.flows.graph(found, most) : null
}

async function readTask (
  registry: AppTasks, id: string, queue?: string, maxBytes = Infinity
): ReturnType<PluginInstance['readTask']> {
  const found = await (maxBytes === Infinity ? registry.find(id, queue) : registry.findBounded(id, queue, maxBytes))
  if (!found) return null
  const { data: { data }, options: { stacktraces, traceparent = null } } = found.stored
  const stack = stacktraces?.[0]
  return {
    record: found.record,
    data,
    stack: typeof stack === 'string' ? stack : null,
    traceparent,
    unread: found.unread ?? null,
    readLog: after => logsOf(registry, found, after)
  }
}

/**
 * Mounts the routes in a scope of their own. There their hooks find the client as `this.redis`, as with @fastify/redis.
 * @param client null if it is not ready: @fastify/redis would hold up the boot until it is, and Fastify gives up
 */
async function mountRoutes (
  fastify: FastifyInstance, registry: AppTasks, client: RedisClient | null
): Promise<void> {
  const { settings: { routes, name } } = registry
  if (!routes) return
  const prefix = routes.prefix ?? `/${name}`
  await fastify.register(async function tasksScope (scope) {
    if (client && !scope.hasDecorator('redis')) await scope.register(fastifyRedis, { client })
    await scope.register(makeRoutes(registry, routes), { prefix })
  })
  refuseOurRoutes(fastify, fastify.prefix + prefix, routes)
}

function startEmbeddedWorker (fastify: FastifyInstance, registry: AppTasks, workers: AppWorkers): void {
  const { worker, connectTimeout } = registry.settings
  if (worker === false || appRegistry(fastify).standalone) return
  const options = worker === true ? {} : worker
  workerSettings(options, []) // fails now if an option is wrong
  fastify.addHook('onReady', async () => {
    const embedded = workers.create(options, fastify.log)
    const started = embedded.start()
    const heldUp = registry.calls.ready ? embedded.heldUp : Promise.resolve()
    // What it waits for may never come, and the app starts meanwhile.
    await within(connectTimeout, Promise.race([started, heldUp]))
    started.catch(error => logFailedStart(fastify.log, error))
  })
}

const plugin = fp(fastifyTasks as FastifyPluginAsync<TasksOptions>, { fastify: '5.x', name: 'fastify-tasks' })

const shapes = { chain, group, chord, flow }

/** `require('fastify-tasks')` returns this. It sees no named exports: what CommonJS users need is a property. */
const thrown = { Unrecoverable: errors.Unrecoverable, Snooze: errors.Snooze, RateLimited: errors.RateLimited }
const tasks = Object.assign(plugin, { ...thrown, errors, ...shapes })

export default tasks
export { tasks, tasks as fastifyTasks, errors, tasks as 'module.exports' }
export { chain, chord, flow, group } from './flows/shapes.ts'
export const { Unrecoverable, Snooze, RateLimited } = errors
export type * from './types.ts'
