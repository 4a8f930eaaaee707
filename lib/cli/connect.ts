/**
 * Where a command finds its tasks: in an app, which is booted without listening and without working, or without an app
 * in one Redis.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyServerOptions } from 'fastify'
import * as errors from '../errors.ts'
import { bootApp, type BootedApp } from '../boot/boot-app.ts'
import { defaults } from '../options.ts'
import plugin from '../plugin.ts'
import { readAppOptions } from './app-options.ts'
import type { PluginInstance } from '../boot/app-registry.ts'
import type { TasksOptions } from '../types.ts'

export interface ConnectFlags {
  app?: string
  redis?: string
  prefix?: string
  queues?: string[]
  instance?: string
}

export interface TaskConnection {
  /** The instances of the plugin that the app registers, or the one that was named. */
  readonly instances: PluginInstance[]
  /** For commands that need exactly one instance. Throws FST_TASKS_INSTANCE_UNKNOWN. */
  only (): PluginInstance
  close (): Promise<void>
}

/** How long the app's own `onClose` hooks may take. */
const CLOSE_TIMEOUT_MS = 3_000

/**
 * Boots what the flags name.
 * @throws FST_TASKS_*_OPTION_*, FST_TASKS_INSTANCE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_REDIS_REFUSED, and
 * whatever the app throws
 */
export async function openConnection (flags: ConnectFlags): Promise<TaskConnection> {
  const booted = flags.app === undefined ? await bootWithoutApp(flags) : await bootNamedApp(flags.app, flags)
  try {
    if (booted.registry.instances.length === 0) throw new errors.AppWithoutPlugin(booted.file)
    return connectionTo(booted, flags.instance)
  } catch (error) {
    await booted.instance.close()
    throw error
  }
}

function connectionTo ({ instance: app, registry }: BootedApp, name: string | undefined): TaskConnection {
  const names = registry.instances.map(({ tasks }) => tasks.name)
  const instances = registry.instances.filter(({ tasks }) => name === undefined || tasks.name === name)
  const unknown = (): Error => new errors.InstanceUnknown(names.join(', '), name ?? 'none', names[0])
  if (instances.length === 0) throw unknown()
  return {
    instances,
    only () {
      if (instances.length > 1) throw unknown()
      return instances[0]!
    },
    async close () {
      await Promise.race([app.close().catch(() => {}), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
    }
  }
}

async function bootNamedApp (app: string, { redis, prefix, queues }: ConnectFlags): Promise<BootedApp> {
  for (const [flag, value] of Object.entries({ redis, prefix, queues })) {
    if (value === undefined) continue
    const fix = 'The app says where its Redis is, and which queues there are: leave one of them out'
    throw new errors.OptionClash('--app', `--${flag}`, fix)
  }
  return await bootApp({ app, appOptions: readAppOptions(), server: silent })
}

/** Standard output is for the command's own output. */
const silent = ({ logger, loggerInstance, ...options }: FastifyServerOptions): FastifyServerOptions =>
  ({ ...options, logger: false })

/** Registers the plugin in an app of our own. Without --queues its queues are those that have keys in Redis. */
async function bootWithoutApp ({ redis, prefix, queues }: ConnectFlags): Promise<BootedApp> {
  const options: TasksOptions = { redis, prefix, routes: false }
  if (queues) return await bootPlugin({ ...options, queues })
  const { instance, registry } = await bootPlugin(options)
  try {
    const found = await registry.instances[0]!.findQueues()
    return await bootPlugin({ ...options, queues: found })
  } finally {
    await instance.close()
  }
}

async function bootPlugin (options: TasksOptions): Promise<BootedApp> {
  const booted = await bootApp({ app: async fastify => { await fastify.register(plugin, options) }, server: silent })
  const { tasks, address } = booted.registry.instances[0]!
  if (tasks.ready) return booted
  await booted.instance.close()
  const fix = 'Name another Redis with --redis or REDIS_URL, or the app with -A'
  const details = `Redis did not answer at ${address} within ${defaults.connectTimeout} ms. ${fix}`
  throw new errors.RedisUnavailable({ cause: new Error(details) })
}
