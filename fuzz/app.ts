/**
 * An app under test: the plugin with a random key prefix, a logger that is counted, and a Redis connection for garbage.
 */
import { randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Redis } from 'ioredis'
import { defaults } from '../lib/options.ts'
import tasks from '../lib/plugin.ts'
import type { TasksOptions } from '../lib/types.ts'

export interface Log {
  lines: number
  bytes: number
  longest: number
}

export interface OpenApp {
  app: FastifyInstance
  redis: Redis
  log: Log
  /** The full name of a queue's key in Redis. */
  key: (name: string, queue?: string) => string
  /** Removes all keys of the server. */
  clear (): Promise<unknown>
  close (): Promise<void>
}

interface Settings {
  /** A stallInterval in ms that may be shorter than the option allows. */
  shortStallInterval?: number
  /** Of Fastify. */
  server?: FastifyServerOptions
}

export async function openApp (
  url: string, options: TasksOptions, define: (app: FastifyInstance) => void,
  { shortStallInterval, server: serverOptions }: Settings = {}
): Promise<OpenApp> {
  const prefix = `f-${randomBytes(4).toString('hex')}`
  const log: Log = { lines: 0, bytes: 0, longest: 0 }
  const redis = new Redis(url)
  const logger = { level: 'info', stream: countingStream(log) }
  const app: FastifyInstance = Fastify({ logger, forceCloseConnections: true, ...serverOptions })
  const { stallInterval } = defaults
  // The plugin checks given options, but not its defaults.
  if (shortStallInterval !== undefined) defaults.stallInterval = shortStallInterval
  const where = options.mode === 'memory' ? {} : { redis: url }
  await app.register(tasks, { ...where, prefix, connectTimeout: 10_000, redisTimeout: 10_000, ...options })
  defaults.stallInterval = stallInterval
  define(app)
  await app.ready()
  return {
    app,
    redis,
    log,
    key: (name, queue = 'default') => `${prefix}:{${queue}}:${name}`,
    clear: () => redis.flushall(),
    async close () {
      await app.close()
      redis.disconnect()
    }
  }
}

function countingStream (log: Log): { write: (line: string) => void } {
  return {
    write: line => {
      log.lines++
      log.bytes += line.length
      log.longest = Math.max(log.longest, line.length)
    }
  }
}
