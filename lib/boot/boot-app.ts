/**
 * Boots an app until it is ready, without listening: for a worker, for a command, for development.
 */
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import { appRegistry, type AppRegistry } from './app-registry.ts'
import { loadApp } from './load-app.ts'

export interface BootOptions {
  /** Path of the app plugin (from the working directory), or the plugin itself. */
  app: string | FastifyPluginAsync<any>
  appOptions?: object
  /** Makes the options of the server. Called with those that the app's module exports, and the app's file. */
  server: (options: FastifyServerOptions, file: string) => FastifyServerOptions
  /** Called before the app is registered. */
  prepare?: (registry: AppRegistry) => void
}

export interface BootedApp {
  instance: FastifyInstance
  registry: AppRegistry
  /** The app's file, or the name of its plugin. */
  file: string
}

/**
 * Boots an app. No embedded worker starts. If the app fails, it is closed.
 * @throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, and whatever the app throws
 */
export async function bootApp ({ app, appOptions = {}, server, prepare }: BootOptions): Promise<BootedApp> {
  const loaded = typeof app === 'string'
    ? await loadApp(app)
    : { plugin: app, options: {}, file: app.name || 'app' }
  const instance: FastifyInstance = Fastify(server(loaded.options, loaded.file) as {})
  const registry = appRegistry(instance)
  registry.standalone = true
  prepare?.(registry)
  try {
    await instance.register(loaded.plugin, appOptions)
    await instance.ready()
    return { instance, registry, file: loaded.file }
  } catch (error) {
    await instance.close().catch(() => {})
    throw error
  }
}
