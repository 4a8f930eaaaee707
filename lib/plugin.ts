/**
 * Layer 4: the plugin, in order: options, connection, registry, decorators, routes, worker, hooks. The package's export.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import * as errors from './errors.ts'
import { connect, disconnect, inspectRedis, untilReady, type Connection } from './connection.ts'
import { decorate } from './decorators.ts'
import { loggable, toFailure } from './failure.ts'
import { hostOf } from './host.ts'
import { pluginSettings, workerSettings } from './options.ts'
import { makeRoutes } from './routes.ts'
import { TaskRegistry } from './tasks.ts'
import type { FastifyTasks, TasksOptions } from './types.ts'
import type { Worker } from './worker.ts'

async function fastifyTasks (fastify: FastifyInstance, options: TasksOptions): Promise<void> {
  const settings = pluginSettings(options)
  const connection = connect(settings.redis, fastify.hasDecorator('redis') ? fastify.redis : undefined)
  const registry = new TaskRegistry(settings, connection)
  const workers: Worker[] = []
  closeInOrder(fastify, registry, workers)
  const tasks = decorate(fastify, registry, workers)
  hostOf(fastify).registered.push({ tasks, address: connection.address, queues: settings.queues, definitions: registry.definitions })
  const ready = await greetRedis(fastify, registry).catch(err => {
    if (connection.owned) connection.client.disconnect() // an app that could not start may never be closed
    throw err
  })
  await mount(fastify, registry, ready)
  startEmbeddedWorker(fastify, registry, tasks)
}

/** Added first: what fails after this closes what was opened. Workers need the connections, and go before them. */
function closeInOrder (fastify: FastifyInstance, registry: TaskRegistry, workers: Worker[]): void {
  const { owned, client } = registry.connection
  fastify.addHook('onClose', async () => {
    await Promise.all(workers.map(worker => worker.close()))
    await registry.close()
    if (owned) await disconnect(client)
  })
}

/**
 * Waits a little for Redis, and goes on without: the app serves what does not need it.
 * @throws TASKS_REDIS_REFUSED, TASKS_REDIS_TOO_OLD
 */
async function greetRedis (fastify: FastifyInstance, { connection, settings, availability }: TaskRegistry): Promise<boolean> {
  const { client, address, owned } = connection
  if (owned) tellOutages(fastify, connection)
  const greet = async (): Promise<void> => {
    await availability.synchronise()
    const warning = await inspectRedis(client, address)
    if (warning) fastify.log.warn(warning)
  }
  const onReady = (): void => { greet().catch(error => fastify.log.error({ err: loggable(toFailure(error)) }, 'Redis is not as it should be')) }
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
    if (!away) fastify.log.warn({ err: loggable(toFailure(error)) }, `The connection to Redis at ${address} is broken; dialling again`)
    away = true
  })
  client.on('ready', () => {
    if (away) fastify.log.info(`Redis at ${address} is there again`)
    away = false
  })
}

/** In a scope of our own. Hooks of the routes find the client there as `this.redis`, as with @fastify/redis. */
async function mount (fastify: FastifyInstance, registry: TaskRegistry, ready: boolean): Promise<void> {
  const { settings: { routes, name }, connection } = registry
  await fastify.register(async function tasksScope (scope) {
    // Only once ready: @fastify/redis holds up the boot until its client is, and Fastify gives up after 10 s.
    if (connection.owned && ready && !scope.hasDecorator('redis')) await scope.register(fastifyRedis, { client: connection.client })
    if (routes) await scope.register(makeRoutes(registry, routes), { prefix: routes.prefix ?? `/${name}` })
  })
}

function startEmbeddedWorker (fastify: FastifyInstance, { settings: { worker }, availability }: TaskRegistry, tasks: FastifyTasks): void {
  if (worker === false || hostOf(fastify).standalone) return
  const options = worker === true ? {} : worker
  workerSettings(options, [])
  fastify.addHook('onReady', async () => {
    const started = tasks.startWorker(options)
    if (availability.ready) await started
    else started.catch(error => fastify.log.fatal({ err: loggable(toFailure(error)) }, 'The worker could not start'))
  })
}

const plugin = fp(fastifyTasks as FastifyPluginAsync<TasksOptions>, { fastify: '5.x', name: 'fastify-tasks' })

/** What `require('fastify-tasks')` returns has no named exports: what CJS users need hangs on the plugin. */
const tasks = Object.assign(plugin, { Unrecoverable: errors.Unrecoverable, errors })

export default tasks
export { tasks, tasks as fastifyTasks, errors, tasks as 'module.exports' }
export const { Unrecoverable } = errors
export type * from './types.ts'
