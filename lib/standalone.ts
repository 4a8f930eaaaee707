/**
 * Layer 4: a worker in a process of its own: boots the app that serves HTTP, without listening, and works.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyServerOptions } from 'fastify'
import { pino } from 'pino'
import * as errors from './errors.ts'
import { bootApp, type BootedApp } from './boot/boot-app.ts'
import { workerDefaults } from './options.ts'
import { listDefinitions, servedQueues } from './tasks/definition.ts'
import type { AppRegistry } from './boot/app-registry.ts'
import type { TaskWorker, WorkerOptions } from './types.ts'

export interface RunWorkerOptions extends WorkerOptions {
  /** Path of the app plugin (from the working directory), or the plugin itself. */
  app: string | FastifyPluginAsync<any>
  /** Options that the app plugin is registered with. Default `{}`. */
  appOptions?: object
  /** Options of the Fastify server. Default: the module's `options` export. */
  serverOptions?: FastifyServerOptions
  /** Level of the log, where serverOptions has no logger. Default `info`. */
  logLevel?: string
  /** Called when the app is ready, before Redis is waited for. */
  onBoot?: (boot: WorkerBoot) => void
}

/** What a worker is about to serve. */
export interface WorkerBoot {
  /** The app's file, or the name of its plugin. */
  app: string
  /** Where each Redis is, without user and password. */
  redis: string[]
  queues: string[]
  /** Names of the tasks that have a handler here. */
  tasks: string[]
  concurrency: number
  /** Drains: see closeTimeout. Idempotent. */
  close: () => Promise<void>
}

export interface RunningWorker extends WorkerBoot {
  readonly instance: FastifyInstance
  readonly workers: TaskWorker[]
}

export type PluginInstance = AppRegistry['instances'][number]

/** Boot must not give up before Redis is there: @fastify/redis of the app's own waits for it. */
const BOOT_TIMEOUT = 0

/**
 * Boots an app to ready, without listening, and works on its tasks until `close`.
 * @throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, FST_TASKS_APP_WITHOUT_PLUGIN, FST_TASKS_APP_MEMORY_MODE, FST_TASKS_NO_HANDLERS,
 * FST_TASKS_REDIS_REFUSED, FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_*_OPTION_*, and whatever the app throws.
 */
export async function runWorker (options: RunWorkerOptions): Promise<RunningWorker> {
  const { app, appOptions, serverOptions, logLevel = 'info' } = options
  const server = (own: FastifyServerOptions): FastifyServerOptions => ({ ...logging({ ...own, ...serverOptions }, logLevel), pluginTimeout: BOOT_TIMEOUT })
  const booted = await bootApp({ app, appOptions, server })
  try {
    return await work(booted, options)
  } catch (error) {
    await booted.instance.close().catch(() => {})
    throw error
  }
}

/** Works on the tasks of an app that has been booted. */
export async function work ({ instance, registry, file }: BootedApp, options: WorkerOptions & Pick<RunWorkerOptions, 'onBoot'>): Promise<RunningWorker> {
  const { onBoot, ...limits } = options
  const plans = plan(registry, limits, file)
  const boot = { ...describe(plans, file), close: () => instance.close() }
  onBoot?.(boot)
  const workers = await Promise.all(plans.map(({ registered, workerOptions }) => registered.tasks.startWorker(workerOptions)))
  return { ...boot, instance, workers }
}

function logging (options: FastifyServerOptions, level: string): FastifyServerOptions {
  return options.logger || options.loggerInstance ? options : { ...options, loggerInstance: pino({ level }) }
}

interface Plan { registered: PluginInstance, workerOptions: WorkerOptions & { queues: string[], concurrency: number } }

/** Which registered instance of the plugin serves which queues. */
function plan ({ instances }: AppRegistry, { queues, concurrency = workerDefaults.concurrency, closeTimeout }: WorkerOptions, app: string): Plan[] {
  if (instances.length === 0) throw new errors.AppWithoutPlugin(app)
  if (instances.some(one => one.inMemory)) throw new errors.AppMemoryMode(app)
  const limits = { concurrency, ...(closeTimeout === undefined ? {} : { closeTimeout }) }
  const plans = instances
    .map(one => ({ registered: one, workerOptions: { queues: served(one, queues), ...limits } }))
    .filter(one => one.workerOptions.queues.length > 0)
  if (plans.length === 0) throw new errors.NoHandlers(`${app} defines no task with a handler${queues ? ` in the queues ${queues.join(', ')}` : ''}; it defines: ${everyTask(instances)}`)
  return plans
}

function served ({ definitions, queues: open }: PluginInstance, wanted: string[] | undefined): string[] {
  return servedQueues(definitions.values(), open).filter(queue => wanted?.includes(queue) ?? true)
}

const everyTask = (instances: PluginInstance[]): string =>
  listDefinitions(instances.flatMap(({ definitions }) => [...definitions.values()]))

/** Those of the queues that are served; all, where one of these is open to every task. */
function tasksOf ({ registered, workerOptions: { queues } }: Plan): string[] {
  const open = queues.some(queue => registered.queues.includes(queue))
  return [...registered.definitions].filter(([, { hasHandler, queue }]) => hasHandler && (open || queues.includes(queue))).map(([name]) => name)
}

function describe (plans: Plan[], app: string): Omit<WorkerBoot, 'close'> {
  return {
    app,
    redis: [...new Set(plans.map(one => one.registered.address))],
    queues: [...new Set(plans.flatMap(one => one.workerOptions.queues))],
    tasks: plans.flatMap(tasksOf),
    concurrency: plans[0]!.workerOptions.concurrency
  }
}
