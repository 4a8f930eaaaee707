/**
 * Layer 4: boots the app that a person names, to ready, without listening: for a worker, for a command, for development.
 */
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import { appRegistry, type AppRegistry } from './app-registry.ts'
import { loadApp } from './load-app.ts'

export interface BootOptions {
  /** Path of the app plugin (from the working directory), or the plugin itself. */
  app: string | FastifyPluginAsync<any>
  appOptions?: object
  /** The options of the server, from those that the app's module has. */
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

/** No embedded worker starts. Throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, and whatever the app throws. */
export async function bootApp ({ app, appOptions = {}, server, prepare }: BootOptions): Promise<BootedApp> {
  const loaded = typeof app === 'string' ? await loadApp(app) : { plugin: app, options: {}, file: app.name || 'app' }
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
