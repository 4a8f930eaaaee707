/**
 * An app with the plugin on a prefix of its own, a log that is counted, and a connection beside it for the garbage.
 */
import { randomBytes } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
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
  /** The name of one of the queue's keys in Redis. */
  key: (name: string, queue?: string) => string
  /** Removes all that is in Redis. */
  clear (): Promise<unknown>
  close (): Promise<void>
}

/** @param hurry a stallInterval in ms, which may be shorter than the option may */
export async function openApp (url: string, options: TasksOptions, define: (app: FastifyInstance) => void, hurry?: number): Promise<OpenApp> {
  const prefix = `f-${randomBytes(4).toString('hex')}`
  const log: Log = { lines: 0, bytes: 0, longest: 0 }
  const redis = new Redis(url)
  const app: FastifyInstance = Fastify({ logger: { level: 'info', stream: counting(log) }, forceCloseConnections: true })
  const { stallInterval } = defaults
  if (hurry !== undefined) defaults.stallInterval = hurry // only what is given is checked
  await app.register(tasks, { redis: url, prefix, connectTimeout: 10_000, redisTimeout: 10_000, ...options })
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

function counting (log: Log): { write: (line: string) => void } {
  return {
    write: line => {
      log.lines++
      log.bytes += line.length
      log.longest = Math.max(log.longest, line.length)
    }
  }
}
