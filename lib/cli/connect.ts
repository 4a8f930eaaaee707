/**
 * Layer 4: where a command finds its tasks: in an app, which is booted without listening and without working, or in a
 * Redis, without any app.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import * as errors from '../errors.ts'
import { bootApp } from '../boot/boot-app.ts'
import { connect, disconnect, untilReady, type RedisClient } from '../store/redis/connection.ts'
import { appRegistry } from '../boot/app-registry.ts'
import { defaults, pluginSettings } from '../options.ts'
import plugin from '../plugin.ts'
import { findQueues } from '../store/redis/inspect.ts'
import type { PluginInstance } from '../standalone.ts'

export interface ConnectFlags {
  app?: string
  redis?: string
  prefix?: string
  queues?: string[]
  instance?: string
}

export interface TaskConnection {
  /** All that the app has registered, or the one that was named. */
  readonly all: PluginInstance[]
  /** For commands that need to know which one is meant. Throws FST_TASKS_INSTANCE_UNKNOWN. */
  only (): PluginInstance
  close (): Promise<void>
}

/** The app's own `onClose` hooks get this long, in ms. */
const CLOSE_WITHIN = 3_000

/** @throws FST_TASKS_*_OPTION_*, FST_TASKS_INSTANCE_UNKNOWN, FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_REDIS_REFUSED, and what booting the app throws. */
export async function openConnection (flags: ConnectFlags): Promise<TaskConnection> {
  return flags.app === undefined ? await fromRedis(flags) : await fromApp(flags.app, flags)
}

function connectionTo (registered: PluginInstance[], instance: string | undefined, close: () => Promise<unknown>): TaskConnection {
  const names = registered.map(one => one.tasks.name)
  const all = registered.filter(one => instance === undefined || one.tasks.name === instance)
  const unknown = (): Error => new errors.InstanceUnknown(names.join(', '), instance ?? 'none', names[0])
  if (all.length === 0) throw unknown()
  return {
    all,
    only () {
      if (all.length > 1) throw unknown()
      return all[0]!
    },
    close: async () => { await Promise.race([close().catch(() => {}), sleep(CLOSE_WITHIN, undefined, { ref: false })]) }
  }
}

async function fromApp (app: string, { redis, prefix, queues, instance }: ConnectFlags): Promise<TaskConnection> {
  for (const [flag, value] of Object.entries({ redis, prefix, queues })) {
    if (value !== undefined) throw new errors.OptionClash('--app', `--${flag}`, 'The app says where its Redis is, and which queues there are: leave one of them out')
  }
  const booted = await bootApp({ app, server: silent })
  try {
    if (booted.registry.instances.length === 0) throw new errors.AppWithoutPlugin(booted.file)
    return connectionTo(booted.registry.instances, instance, () => booted.instance.close())
  } catch (error) {
    await booted.instance.close()
    throw error
  }
}

/** Standard output is for what was asked for. */
const silent = ({ logger: _logger, loggerInstance: _instance, ...options }: FastifyServerOptions): FastifyServerOptions => ({ ...options, logger: false })

async function fromRedis ({ redis, prefix = defaults.prefix, queues, instance }: ConnectFlags): Promise<TaskConnection> {
  pluginSettings({ redis, prefix, queues: queues ?? [] })
  const { client, address } = connect(redis, undefined)
  client.on('error', () => {}) // without a listener ioredis prints each try
  try {
    if (!await untilReady(client, defaults.connectTimeout, address)) {
      throw new errors.RedisUnavailable(`at ${address}`, defaults.connectTimeout, client.status, 'Name another one with --redis or REDIS_URL, or the app with -A')
    }
    const app = await appOn(client, prefix, queues ?? await findQueues(client, prefix))
    return connectionTo(appRegistry(app).instances, instance, async () => { await app.close(); await disconnect(client) })
  } catch (error) {
    client.disconnect()
    throw error
  }
}

async function appOn (client: RedisClient, prefix: string, queues: string[]): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(plugin, { redis: client, prefix, queues, routes: false })
  await app.ready()
  return app
}
