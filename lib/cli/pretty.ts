/**
 * Layer 4: logs for people, in development.
 */
import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'
import { printErr } from './output.ts'

/** A logger of the app's own stays; else pino-pretty's, from beside the app or from beside us. */
export function pretty (options: FastifyServerOptions, app: string, level: string): FastifyServerOptions {
  if (options.loggerInstance || (typeof options.logger === 'object' && ('stream' in options.logger || 'transport' in options.logger))) return options
  const { logger, ...others } = options
  const own = typeof logger === 'object' ? logger as object : {}
  const make = find(app) ?? find(import.meta.filename)
  if (!make) printErr('fastify-tasks: logs are JSON: pino-pretty is not installed. For pretty ones: npm install -D pino-pretty')
  // In this process, and at once: what is logged right before a crash is seen.
  const stream = make?.({ sync: true, colorize: process.stdout.isTTY && process.stdout.hasColors(), singleLine: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' })
  return { ...others, logger: { level, ...own, ...(stream ? { stream } : {}) } }
}

function find (from: string): ((options: object) => any) | null {
  try {
    return createRequire(from)('pino-pretty')
  } catch {
    return null
  }
}
