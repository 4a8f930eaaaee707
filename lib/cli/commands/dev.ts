/**
 * Layer 4: `fastify-tasks dev`: Redis, the app and its worker with one command. The app runs in a process of its own
 * (`serve.ts`), which is started anew when files change; Redis stays.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import * as errors from '../../errors.ts'
import { startPrivateRedis, type PrivateRedis } from '../../dev/private-redis.ts'
import { LOCAL_REDIS } from '../../store/redis/connection.ts'
import { printError } from '../exit.ts'
import { printErr, workWithoutReader } from '../output.ts'
import { Supervisor } from '../supervisor.ts'
import { optional, patienceFor } from './worker.ts'

export interface DevFlags {
  app: string
  port: number
  host: string
  redis?: string
  queues?: string[]
  concurrency: number
  logLevel: string
  closeTimeout: number
  watch: boolean
  watchPath?: string[]
}

/** How long a Redis on this machine has to take a connection, in ms. */
const PROBE_WITHIN = 1_000

/** Resolves with the exit code. Throws FST_TASKS_DEV_IN_PRODUCTION, FST_TASKS_PLUGIN_OPTION_INVALID. */
export async function dev (flags: DevFlags): Promise<number> {
  const { app, redis, watch, watchPath, closeTimeout } = flags
  if (process.env.NODE_ENV === 'production') throw new errors.DevInProduction(app)
  if (redis !== undefined) process.env.REDIS_URL = redis
  workWithoutReader()
  const local = new LocalRedis()
  const supervisor = new Supervisor({
    what: 'app',
    args: devAppArgs(flags),
    app,
    watch,
    paths: watchPath,
    patience: patienceFor(closeTimeout),
    onMessage: (message, answer) => {
      if ((message as { ask?: unknown } | null)?.ask === 'redis') void local.url().then(url => answer({ redis: url }))
    }
  })
  try {
    return await supervisor.run()
  } finally {
    await local.stop()
  }
}

const devAppArgs = ({ app, port, host, queues, concurrency, logLevel, closeTimeout }: DevFlags): string[] => [
  'dev-app', '--app', app, '--port', String(port), '--host', host, '--concurrency', String(concurrency), '--log-level', logLevel,
  '--close-timeout', String(closeTimeout), ...optional('--queues', queues?.join(','))
]

/** For an app that names no Redis: the one of this machine where there is one, else one of our own. */
class LocalRedis {
  #own: Promise<PrivateRedis | null> | null = null

  /** Null where the usual one is there, or where none can be started: the app then says so. */
  async url (): Promise<string | null> {
    if (!this.#own && await isThere()) return null
    this.#own ??= this.#start()
    return (await this.#own)?.url ?? null
  }

  async #start (): Promise<PrivateRedis | null> {
    try {
      const redis = await startPrivateRedis()
      printErr(`fastify-tasks: no Redis was named, and there is none at ${LOCAL_REDIS}: a private one is at ${redis.url} (pid ${redis.pid}). Its data goes when this ends`)
      return redis
    } catch (error) {
      printError(error)
      return null
    }
  }

  async stop (): Promise<void> { await (await this.#own)?.stop() }
}

async function isThere (): Promise<boolean> {
  const { hostname, port } = new URL(LOCAL_REDIS)
  const socket = connect({ host: hostname, port: Number(port), timeout: PROBE_WITHIN })
  socket.once('timeout', () => socket.destroy(new Error('timeout')))
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
