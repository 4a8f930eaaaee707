/**
 * Layer 4: the plugin, in order: options, connection, registry, decorators, routes, worker, hooks. The package's export.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import * as errors from './errors.ts'
import { connect, disconnect, isClient, untilReady, type Connection } from './store/redis/connection.ts'
import { inspectRedis } from './store/redis/inspect.ts'
import { decorate } from './decorators.ts'
import { toLoggableError, toFailure } from './records/failure.ts'
import { appRegistry } from './boot/app-registry.ts'
import { MemoryClock } from './testing/virtual-clock.ts'
import { AutoWorkers } from './testing/auto-workers.ts'
import { MemoryStore } from './store/memory/store.ts'
import { pluginSettings, workerSettings, type Settings } from './options.ts'
import { RedisStore } from './store/redis/store.ts'
import { makeRoutes } from './routes/routes.ts'
import { TaskRegistry } from './tasks/registry.ts'
import type { FastifyTasks, TasksOptions } from './types.ts'
import { ThreadPool } from './attempt/thread-pool.ts'
import { AppWorkers } from './worker.ts'

async function fastifyTasks (fastify: FastifyInstance, options: TasksOptions): Promise<void> {
  const settings = pluginSettings(options)
  if (settings.mode === 'memory') return registerInMemory(fastify, settings, options.worker === undefined)
  const decorated = fastify.hasDecorator('redis') ? fastify.redis : undefined
  const connection = connect(settings.redis ?? await unnamed(fastify, decorated), decorated)
  const registry = new TaskRegistry(settings, new RedisStore(connection, settings))
  const workers = new AppWorkers(registry, new ThreadPool(settings))
  const tasks = assemble(fastify, { registry, workers, connection })
  const ready = await greetRedis(fastify, registry, connection).catch(err => {
    if (connection.owned) connection.client.disconnect() // an app that could not start may never be closed
    throw err
  })
  await mount(fastify, registry, ready ? connection : null)
  startEmbeddedWorker(fastify, registry, tasks)
}

/** @param automatic whether nobody has said that a worker is to run, or is not to */
async function registerInMemory (fastify: FastifyInstance, settings: Settings, automatic: boolean): Promise<void> {
  const store = new MemoryStore()
  const registry = new TaskRegistry(settings, store)
  const workers = new AppWorkers(registry, new ThreadPool(settings))
  const memoryClock = new MemoryClock(registry, store, new AutoWorkers({ store, workers, automatic: automatic && !appRegistry(fastify).standalone, log: fastify.log }))
  const tasks = assemble(fastify, { registry, workers, memoryClock })
  if (process.env.NODE_ENV === 'production') fastify.log.warn('mode "memory" is for tests: tasks run in this process, and are lost with it')
  await mount(fastify, registry)
  fastify.addHook('onReady', async () => memoryClock.open())
  startEmbeddedWorker(fastify, registry, tasks)
}

/** Where nobody names a Redis, who boots the app may know of one. */
async function unnamed (fastify: FastifyInstance, decorated: unknown): Promise<string | undefined> {
  return isClient(decorated) || process.env.REDIS_URL ? undefined : await appRegistry(fastify).redis?.()
}

async function look (registry: TaskRegistry, id: string): Promise<{ data: unknown, stack: string | null } | null> {
  const found = await registry.find(id)
  const stack = found?.stored.options.stacktraces?.[0]
  return found && { data: found.stored.data.data, stack: typeof stack === 'string' ? stack : null }
}

interface Parts {
  registry: TaskRegistry
  connection?: Connection
  memoryClock?: MemoryClock
  workers: AppWorkers
}

/** Added first: what fails after this closes what was opened. Workers need the connections, and go before them. */
function assemble (fastify: FastifyInstance, { registry, connection, memoryClock, workers }: Parts): FastifyTasks {
  fastify.addHook('onClose', async () => {
    memoryClock?.close()
    await workers.close()
    await registry.close()
    if (connection?.owned) await disconnect(connection.client)
  })
  const tasks = decorate(fastify, registry, workers, memoryClock)
  const { store: { address }, settings: { queues }, definitions } = registry
  appRegistry(fastify).instances.push({ tasks, inMemory: memoryClock !== undefined, address, queues, definitions, readTask: id => look(registry, id) })
  return tasks
}

/**
 * Waits a little for Redis, and goes on without: the app serves what does not need it.
 * @throws FST_TASKS_REDIS_REFUSED, FST_TASKS_REDIS_TOO_OLD
 */
async function greetRedis (fastify: FastifyInstance, { settings, clock }: TaskRegistry, connection: Connection): Promise<boolean> {
  const { client, address, owned } = connection
  if (owned) tellOutages(fastify, connection)
  const greet = async (): Promise<void> => {
    await clock.synchronise()
    for (const { msg, fields } of await inspectRedis(client, address)) fastify.log.warn(fields, msg)
  }
  const onReady = (): void => { greet().catch(error => fastify.log.error({ err: toLoggableError(toFailure(error)) }, 'Redis is not as it should be')) }
  fastify.addHook('onClose', async () => { client.off('ready', onReady) })
  const start = Date.now()
  const reached = await untilReady(client, settings.connectTimeout, address)
  client.on('ready', onReady)
  // It may go silent right after it was there: Fastify would give up the boot.
  const ready = reached && await answered(greet(), Math.max(1, start + settings.connectTimeout - Date.now()))
  if (!ready) fastify.log.error(`Redis at ${address} does not answer: the app starts without it, and enqueueing and status reads answer 503 until it does`)
  return ready
}

/** False where it has not ended within `ms`. */
async function answered (work: Promise<void>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  return await Promise.race([work.then(() => true), late]).finally(() => timer.abort())
}

/** Once for each outage. Without a listener ioredis prints every try. */
function tellOutages (fastify: FastifyInstance, { client, address }: Connection): void {
  let away = false
  client.on('error', error => {
    if (!away) fastify.log.warn({ err: toLoggableError(toFailure(error)) }, `The connection to Redis at ${address} is broken; dialling again`)
    away = true
  })
  client.on('ready', () => {
    if (away) fastify.log.info(`Redis at ${address} is there again`)
    away = false
  })
}

/**
 * In a scope of our own. Hooks of the routes find the client there as `this.redis`, as with @fastify/redis.
 * @param connection null while it is not ready: @fastify/redis holds up the boot until its client is, and Fastify gives up after 10 s
 */
async function mount (fastify: FastifyInstance, registry: TaskRegistry, connection: Connection | null = null): Promise<void> {
  const { settings: { routes, name } } = registry
  await fastify.register(async function tasksScope (scope) {
    if (connection?.owned && !scope.hasDecorator('redis')) await scope.register(fastifyRedis, { client: connection.client })
    if (routes) await scope.register(makeRoutes(registry, routes), { prefix: routes.prefix ?? `/${name}` })
  })
}

function startEmbeddedWorker (fastify: FastifyInstance, { settings: { worker }, calls }: TaskRegistry, tasks: FastifyTasks): void {
  if (worker === false || appRegistry(fastify).standalone) return
  const options = worker === true ? {} : worker
  workerSettings(options, [])
  fastify.addHook('onReady', async () => {
    const started = tasks.startWorker(options)
    if (calls.ready) await started
    else started.catch(error => fastify.log.fatal({ err: toLoggableError(toFailure(error)) }, 'The worker could not start'))
  })
}

const plugin = fp(fastifyTasks as FastifyPluginAsync<TasksOptions>, { fastify: '5.x', name: 'fastify-tasks' })

/** What `require('fastify-tasks')` returns has no named exports: what CJS users need hangs on the plugin. */
const tasks = Object.assign(plugin, { Unrecoverable: errors.Unrecoverable, errors })

export default tasks
export { tasks, tasks as fastifyTasks, errors, tasks as 'module.exports' }
export const { Unrecoverable } = errors
export type * from './types.ts'
