/**
 * Boots an app until it is ready, without listening: for a worker, for a command, for development.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import * as errors from '../errors.ts'
import { appRegistry, type AppRegistry } from './app-registry.ts'
import { loadApp, type LoadedApp } from './load-app.ts'

export interface BootOptions {
  /** Path of the app plugin (from the working directory), or the plugin itself. */
  app: string | FastifyPluginAsync<any>
  appOptions?: object
  /** Makes the options of the server. Called with those that the app's module exports, and the app's file. */
  server: (options: FastifyServerOptions, file: string) => FastifyServerOptions
  /** Called before the app is registered. */
  prepare?: (registry: AppRegistry) => void
  /** Called when the app is registered, before it is ready. */
  extend?: (instance: FastifyInstance, registry: AppRegistry) => Promise<void>
}

export interface BootedApp {
  instance: FastifyInstance
  registry: AppRegistry
  /** The app's file, or the name of its plugin. */
  file: string
}

/** What Fastify publishes for each server that is made. */
const SERVER_MADE = 'fastify.initialization'

/**
 * Boots an app. No embedded worker starts. If the app fails, it is closed.
 * @throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, and whatever the app throws
 */
export async function bootApp (options: BootOptions): Promise<BootedApp> {
  const otherServers: FastifyInstance[] = []
  const onServerMade = (message: unknown): void => {
    otherServers.push((message as { fastify: FastifyInstance }).fastify)
  }
  subscribe(SERVER_MADE, onServerMade)
  try {
    return await boot(options, otherServers)
  } finally {
    unsubscribe(SERVER_MADE, onServerMade)
  }
}

async function boot (
  { app, appOptions = {}, server, prepare, extend }: BootOptions, made: FastifyInstance[]
): Promise<BootedApp> {
  const { plugin, options, file } = await load(app, made)
  const instance: FastifyInstance = Fastify(server(options, file) as {})
  const registry = appRegistry(instance)
  registry.standalone = true
  prepare?.(registry)
  try {
    await instance.register(plugin, { ...options, ...appOptions })
    await extend?.(instance, registry)
    await instance.ready()
    const elsewhere = made.some(other => appRegistry(other).instances.length > 0)
    if (elsewhere && registry.instances.length === 0) throw ownServer(file)
    return { instance, registry, file }
  } catch (error) {
    await instance.close().catch(() => {})
    throw error
  }
}

async function load (app: BootOptions['app'], made: FastifyInstance[]): Promise<LoadedApp> {
  if (typeof app !== 'string') return { plugin: app, options: {}, file: app.name || 'app' }
  try {
    return await loadApp(app)
  } catch (error) {
    throw error instanceof errors.AppInvalid && made.length > 0 ? ownServer(app) : error
  }
}

const ownServer = (file: string): Error => new errors.AppInvalid(file, 'it makes a Fastify server of its own, ' +
  'and the tasks must be registered in the server of the worker. Export what the server registers: ' +
  'export default async function app (fastify, options) { await fastify.register(tasks) }')
