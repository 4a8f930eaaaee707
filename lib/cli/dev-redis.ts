/**
 * The Redis of an app that names none, under `fastify-tasks dev`: the one on this machine if it answers, otherwise a
 * private one.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { startPrivateRedis, type PrivateRedis } from '../dev/private-redis.ts'
import { LOCAL_REDIS } from '../options.ts'
import { printError } from './exit.ts'
import { printErr } from './output.ts'

/** How long a Redis on this machine has to accept a connection. */
const PROBE_TIMEOUT_MS = 1_000

export class DevRedis {
  #own: Promise<PrivateRedis | null> | null = null

  /** Null if the default one answers, or if none can be started: then the app logs that. */
  async url (): Promise<string | null> {
    await this.#dropExited()
    if (!this.#own && await localRedisAnswers()) return null
    this.#own ??= this.#start()
    return (await this.#own)?.url ?? null
  }

  /** Somebody, or the system for lack of memory, may have killed it since the app was started last. */
  async #dropExited (): Promise<void> {
    const own = this.#own
    const redis = await own
    if (!redis?.hasExited) return
    await redis.stop() // removes its data
    if (this.#own === own) this.#own = null
  }

  async #start (): Promise<PrivateRedis | null> {
    try {
      const redis = await startPrivateRedis()
      const started = `started a private one at ${redis.url} (pid ${redis.pid}). Its data is deleted at the end`
      printErr(`fastify-tasks: no Redis is named, and none answers at ${LOCAL_REDIS}: ${started}`)
      return redis
    } catch (error) {
      printError(error)
      return null
    }
  }

  async stop (): Promise<void> { await (await this.#own)?.stop() }
}

async function localRedisAnswers (): Promise<boolean> {
  const { hostname, port } = new URL(LOCAL_REDIS)
  const socket = connect({ host: hostname, port: Number(port), timeout: PROBE_TIMEOUT_MS })
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
