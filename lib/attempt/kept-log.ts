/**
 * A log that keeps its lines: each is written as before, and handed to `keep`. What the log does not write (its level,
 * its redaction, its serializers) is not kept either.
 */
import { format } from 'node:util'
import { tryOr } from '../describe.ts'
import type { FastifyBaseLogger } from 'fastify'

export interface WrittenLine {
  level: string
  msg: string
  fields: Record<string, unknown>
}

type Keep = (line: WrittenLine) => void

/** How streams of pino say that they want to know more than the line: pino sets these properties before each write. */
const WANTS_METADATA = Symbol.for('pino.metadata')
const METADATA = ['lastLevel', 'lastObj', 'lastMsg', 'lastTime', 'lastLogger']
/** What each line of a task has in common, or is known otherwise. */
const COMMON = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'taskId', 'task', 'attempt', 'v'])

/** @param log a child of its own: it is changed */
export function keepLines (log: FastifyBaseLogger, keep: Keep): FastifyBaseLogger {
  const stream = streamOf(log)
  if (!stream) return new PlainLog(log, keep) as unknown as FastifyBaseLogger
  const { labels } = (log as any).levels
  const write = (line: string): void => { keep(toWritten(line, labels)) }
  ;(log as any)[stream] = teeOf((log as any)[stream], write)
  return log
}

/** The symbol of pino's stream. Undefined for another logger. */
function streamOf (log: object): symbol | undefined {
  for (let at: object | null = log; at; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find(({ description }) => description === 'pino.stream')
    if (found) return found
  }
  return undefined
}

function teeOf (stream: any, onLine: (line: string) => void): object {
  const tee: any = {
    [WANTS_METADATA]: stream[WANTS_METADATA],
    write (line: string) {
      if (stream[WANTS_METADATA]) for (const name of METADATA) stream[name] = tee[name]
      stream.write(line)
      onLine(line)
    },
    flush: (done: unknown) => stream.flush?.(done)
  }
  return tee
}

function toWritten (line: string, labels: Record<string, string>): WrittenLine {
  const written = tryOr(() => JSON.parse(line), { msg: line.trim() })
  const fields = Object.entries(written).filter(([name]) => !COMMON.has(name))
  const { level, msg = '' } = written
  return { level: labels[level] ?? String(level), msg: String(msg), fields: Object.fromEntries(fields) }
}

/** A log around one that is not pino's, such as Fastify's own without the option `logger`, which writes nothing. */
class PlainLog {
  readonly #log: any
  readonly #keep: Keep
  readonly #bindings: object
  readonly level = 'info'

  constructor (log: FastifyBaseLogger, keep: Keep, bindings = {}) {
    this.#log = log
    this.#keep = keep
    this.#bindings = bindings
  }

  isLevelEnabled (level: string): boolean { return level !== 'debug' && level !== 'trace' }

  child (bindings: object): PlainLog {
    return new PlainLog(this.#log.child(bindings), this.#keep, { ...this.#bindings, ...bindings })
  }

  #write (level: string, args: unknown[]): void {
    this.#log[level](...args)
    if (!this.isLevelEnabled(level)) return
    const [first, ...rest] = args
    const isObject = typeof first === 'object' && first !== null
    const given = first instanceof Error ? { err: { name: first.name, message: first.message } } : first
    const fields = { ...this.#bindings, ...isObject && given as object }
    this.#keep({ level, msg: format(...isObject ? rest : args), fields })
  }

  fatal (...args: unknown[]): void { this.#write('fatal', args) }
  error (...args: unknown[]): void { this.#write('error', args) }
  warn (...args: unknown[]): void { this.#write('warn', args) }
  info (...args: unknown[]): void { this.#write('info', args) }
  debug (...args: unknown[]): void { this.#write('debug', args) }
  trace (...args: unknown[]): void { this.#write('trace', args) }
  silent (): void {}
}
