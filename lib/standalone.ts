/**
 * 'fastify-tasks/worker': a worker in a process of its own. It boots the app that serves HTTP, without listening, and
 * works on the app's tasks.
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync, FastifyServerOptions } from 'fastify'
import { pino, type DestinationStream } from 'pino'
import * as errors from './errors.ts'
import { bootApp, type BootedApp } from './boot/boot-app.ts'
import { Monitor } from './metrics/monitor.ts'
import { checkRunWorker, workerDefaults } from './options.ts'
import { nearest } from './options/nearest.ts'
import { listDefinitions, servedQueues } from './tasks/definition.ts'
import type { AppRegistry, PluginInstance } from './boot/app-registry.ts'
import type { TaskWorker, WorkerOptions } from './types.ts'

/** Options of `runWorker`: the app to boot, and which of its tasks to work on. */
export interface RunWorkerOptions extends WorkerOptions {
  /** The app plugin, or its path relative to the working directory. */
  app: string | FastifyPluginAsync<any>
  /** Options for the app plugin. Default `{}`. */
  appOptions?: object
  /** Options of the Fastify server. They override the `options` export of the app's module. */
  serverOptions?: FastifyServerOptions
  /** Log level. Ignored if the server options have a logger. Default `info`. */
  logLevel?: string
  /** Where log lines go, if serverOptions has no logger. Default: standard output. */
  logStream?: DestinationStream
  /** Answer `/metrics`, `/live` and `/ready` on this port. 0: any free port. Default: none. */
  monitorPort?: number
  /** The address for `monitorPort`. Default `0.0.0.0`. */
  monitorHost?: string
  /** Called when the app is ready, before the worker waits for Redis. */
  onBoot?: (boot: WorkerBoot) => void
}

/** The app and the tasks that a worker is about to serve. */
export interface WorkerBoot {
  /** The app's file, or the name of its plugin. */
  app: string
  /** The address of each Redis, without user and password. */
  redis: string[]
  queues: string[]
  /** Names of the tasks that have a handler here. */
  tasks: string[]
  concurrency: number
  /** Where it answers `/metrics`, `/live` and `/ready`. Null without `monitorPort`. */
  monitor: string | null
  /** Waits for running tasks, at most `closeTimeout`, then closes the app. A second call has no effect. */
  close: () => Promise<void>
}

export interface RunningWorker extends WorkerBoot {
  readonly instance: FastifyInstance
  readonly workers: TaskWorker[]
}

/** No limit: @fastify/redis of the app waits for Redis without a limit, and the boot must wait for it. */
const BOOT_TIMEOUT = 0

/**
 * Boots an app until it is ready, without listening, and works on its tasks until `close`.
 * @throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, FST_TASKS_APP_WITHOUT_PLUGIN,
 * FST_TASKS_APP_MEMORY_MODE, FST_TASKS_NO_HANDLERS, FST_TASKS_REDIS_REFUSED, FST_TASKS_QUEUE_UNKNOWN,
 * FST_TASKS_*_OPTION_*, and whatever the app throws
 */
export async function runWorker (options: RunWorkerOptions): Promise<RunningWorker> {
  checkRunWorker(options)
  const { app, appOptions, serverOptions } = options
  const server = (own: FastifyServerOptions): FastifyServerOptions =>
    ({ ...withLogger({ ...own, ...serverOptions }, options), pluginTimeout: BOOT_TIMEOUT })
  const booted = await bootApp({ app, appOptions, server })
  try {
    return await work(booted, options)
  } catch (error) {
    await booted.instance.close().catch(() => {})
    throw error
  }
}

type WorkOptions = WorkerOptions & Pick<RunWorkerOptions, 'onBoot' | 'monitorPort' | 'monitorHost'>

/** Works on the tasks of an app that has booted. Throws as `runWorker` does. */
export async function work (
  { instance, registry, file }: BootedApp, options: WorkOptions
): Promise<RunningWorker> {
  const { onBoot, monitorPort, monitorHost = '0.0.0.0', ...limits } = options
  const plans = planWorkers(registry, limits, file)
  warnOfUnknown(registry, limits.queues, instance.log)
  const watched = plans.map(({ registered }) => registered)
  const monitor = monitorPort === undefined ? null : new Monitor(watched, instance.log)
  const address = await monitor?.listen(monitorPort!, monitorHost) ?? null
  const close = async (): Promise<void> => {
    monitor?.drain()
    await instance.close().finally(() => monitor?.close())
  }
  const boot = { ...describe(plans, file), monitor: address, close }
  try {
    onBoot?.(boot)
    const workers = await Promise.all(plans.map(plan => plan.registered.tasks.startWorker(plan.workerOptions)))
    monitor?.started()
    return { ...boot, instance, workers }
  } catch (error) {
    await monitor?.close()
    throw error
  }
}

function withLogger (
  options: FastifyServerOptions, { logLevel: level = 'info', logStream }: RunWorkerOptions
): FastifyServerOptions {
  if (options.logger || options.loggerInstance) return options
  return { ...options, loggerInstance: logStream ? pino({ level }, logStream) : pino({ level }) }
}

/** The worker of one instance of the plugin. */
interface Plan {
  registered: PluginInstance
  workerOptions: WorkerOptions & { queues: string[], concurrency: number }
}

/** One worker for each instance that has queues to serve. */
function planWorkers ({ instances }: AppRegistry, options: WorkerOptions, app: string): Plan[] {
  const { queues, concurrency = workerDefaults.concurrency, closeTimeout } = options
  if (instances.length === 0) throw new errors.AppWithoutPlugin(app)
  for (const instance of instances) instance.checkServable(app)
  const limits = { concurrency, ...(closeTimeout === undefined ? {} : { closeTimeout }) }
  const plans = instances
    .map(registered => ({ registered, workerOptions: { queues: queuesToServe(registered, queues), ...limits } }))
    .filter(plan => plan.workerOptions.queues.length > 0)
  if (plans.length === 0) throw noHandlers(app, queues, instances)
  return plans
}

function queuesToServe ({ definitions, queues: open }: PluginInstance, wanted: string[] | undefined): string[] {
  return servedQueues(definitions.values(), open).filter(queue => wanted?.includes(queue) ?? true)
}

/** A name that is misspelt would be noticed by nobody: its tasks wait. */
function warnOfUnknown ({ instances }: AppRegistry, wanted: string[] = [], log: FastifyBaseLogger): void {
  const known = [...new Set(instances.flatMap(registered => queuesToServe(registered, undefined)))]
  for (const queue of wanted.filter(queue => !known.includes(queue))) {
    const fields = { event: 'worker.queue_unknown', queue, nearest: nearest(queue, known), queues: known }
    log.warn(fields, 'the app has no such queue: it is not served. Did you mean the nearest one?')
  }
}

function noHandlers (app: string, queues: string[] | undefined, instances: PluginInstance[]): Error {
  const defined = listDefinitions(instances.flatMap(({ definitions }) => [...definitions.values()]))
  const where = queues ? ` in the queues ${queues.join(', ')}` : ''
  return new errors.NoHandlers(`${app} defines no task with a handler${where}; it defines: ${defined}`)
}

/** The tasks of the served queues. All tasks, if any task may be enqueued to one of these queues. */
function tasksOf ({ registered, workerOptions: { queues } }: Plan): string[] {
  const open = queues.some(queue => registered.queues.includes(queue))
  const served = [...registered.definitions.values()]
    .filter(({ hasHandler, queue }) => hasHandler && (open || queues.includes(queue)))
  return served.map(({ name }) => name)
}

function describe (plans: Plan[], app: string): Omit<WorkerBoot, 'close' | 'monitor'> {
  return {
    app,
    redis: [...new Set(plans.map(plan => plan.registered.address))],
    queues: [...new Set(plans.flatMap(plan => plan.workerOptions.queues))],
    tasks: plans.flatMap(tasksOf),
    concurrency: plans[0]!.workerOptions.concurrency
  }
}
