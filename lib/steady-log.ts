/**
 * The app's log, for lines of ours: fields and a message. It may throw, such as a serializer of the app that expects
 * more of an error than it has. Then the line is written without the error, and what it is about goes on, as a request
 * of Fastify does.
 */
import { tryOr } from './describe.ts'
import { toFailure } from './records/failure.ts'
import type { FastifyBaseLogger } from 'fastify'

type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'

class SteadyLog {
  readonly #log: () => FastifyBaseLogger

  constructor (log: () => FastifyBaseLogger) {
    this.#log = log
  }

  get level (): string { return this.#log().level }
  isLevelEnabled (level: string): boolean { return (this.#log() as any).isLevelEnabled?.(level) ?? false }

  #write (level: Level, fields: { err?: unknown }, msg: string): void {
    try {
      this.#log()[level](fields, msg)
    } catch {
      const { err, ...others } = fields
      const error = err === undefined ? {} : { error: toFailure(err).error.message }
      tryOr(() => this.#log()[level]({ ...others, ...error }, msg), undefined)
    }
  }

  fatal (fields: object, msg: string): void { this.#write('fatal', fields, msg) }
  error (fields: object, msg: string): void { this.#write('error', fields, msg) }
  warn (fields: object, msg: string): void { this.#write('warn', fields, msg) }
  info (fields: object, msg: string): void { this.#write('info', fields, msg) }
  debug (fields: object, msg: string): void { this.#write('debug', fields, msg) }
  trace (fields: object, msg: string): void { this.#write('trace', fields, msg) }
}

/** @param log returns the log. That may throw, too */
export const steadyLog = (log: () => FastifyBaseLogger): FastifyBaseLogger =>
  new SteadyLog(log) as unknown as FastifyBaseLogger
