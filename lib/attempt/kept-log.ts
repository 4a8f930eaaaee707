/**
 * A log that keeps its lines: each is written as before, and handed to `keep`. What the log does not write (its level,
 * its redaction, its serializers) is not kept either.
 */
import { format } from 'node:util'
import { isA, tryOr } from '../describe.ts'
import { writesLevel } from './attempt-log.ts'
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
/** What pino and the attempt put in each line, and what is known otherwise. */
const COMMON = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'taskId', 'task', 'attempt', 'v'])

/** @param log a child of its own: it is changed */
export function keepLines (log: FastifyBaseLogger, keep: Keep): FastifyBaseLogger {
  const stream = symbolOf(log, 'pino.stream')
  if (!stream) return new PlainLog(log, keep) as unknown as FastifyBaseLogger
  const { labels } = (log as any).levels
  const messageKey = valueOf(log, 'pino.messageKey')
  const logged = loggedNames(log)
  const write = (line: string, { lastLevel, lastMsg, lastObj, lastLogger }: Metadata): void => {
    const { fields, ...written } = toWritten(line, messageKey, tryOr(() => logged(lastObj, lastLogger), new Set()))
    const text = lastMsg === undefined ? written.msg : String(lastMsg)
    keep({ level: labels[lastLevel as number] ?? String(lastLevel), msg: text, fields })
  }
  ;(log as any)[stream] = teeOf((log as any)[stream], write)
  return log
}

interface Metadata { lastLevel: unknown, lastMsg: unknown, lastObj: object, lastLogger: object }

/** Returns the names that the handler itself has put in a line: by the call, and by children of the log. */
function loggedNames (log: object): (given: object, logger: object) => Set<string> {
  const ofChildren = valueOf(log, 'pino.chindings').length
  const isNested = Boolean(valueOf(log, 'pino.nestedKey')) // then what a call logs has a place of its own
  return (given, logger) => {
    const bindings = valueOf(logger, 'pino.chindings').slice(ofChildren)
    const ofChild = bindings === '' ? [] : Object.keys(JSON.parse(`{${bindings.slice(1)}}`))
    return new Set(isNested ? ofChild : [...ofChild, ...Object.keys(given)])
  }
}

/** A property of pino's, which has a symbol as its name. */
const valueOf = (log: object, name: string): string => (log as any)[symbolOf(log, name) ?? ''] ?? ''

/** A symbol of pino's. Undefined for another logger. */
function symbolOf (log: object, name: string): symbol | undefined {
  for (let at: object | null = log; at; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find(({ description }) => description === name)
    if (found) return found
  }
  return undefined
}

function teeOf (stream: any, onLine: (line: string, metadata: Metadata) => void): object {
  const tee: any = {
    [WANTS_METADATA]: true,
    write (line: string) {
      if (stream[WANTS_METADATA]) for (const name of METADATA) stream[name] = tee[name]
      stream.write(line)
      onLine(line, tee)
    },
    flush: (done: () => void) => stream.flush ? stream.flush(done) : done()
  }
  // pino calls it after a line of level fatal.
  if (stream.flushSync) tee.flushSync = () => stream.flushSync()
  return tee
}

/** Level and message are asked of pino: the app's formatters may write them in another form, or not at all. */
function toWritten (line: string, messageKey: string, logged: Set<string>): Pick<WrittenLine, 'msg' | 'fields'> {
  const written = tryOr(() => JSON.parse(line), { [messageKey]: line.trim() })
  const fields = Object.entries(written)
    .filter(([name]) => (logged.has(name) || !COMMON.has(name)) && name !== messageKey)
  return { msg: String(written[messageKey] ?? ''), fields: Object.fromEntries(fields) }
}

/** An error as pino writes it. As JSON it would be empty. */
const withError = (value: unknown): unknown =>
  isA(value, Error) ? { type: value.name, message: value.message, stack: value.stack } : value

/** What an object, as the first argument of a log call, says beside the message. */
const fieldsOf = (first: object): Record<string, unknown> => isA(first, Error) ? { err: first } : { ...first }

/** Of a log whose level is not known. */
const isKept = (level: string): boolean => level !== 'debug' && level !== 'trace'

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

  /** Also for a line that is written and not kept: a thread asks before it sends one. */
  isLevelEnabled (level: string): boolean { return isKept(level) || writesLevel(this.#log, level) }

  child (bindings: object): PlainLog {
    return new PlainLog(this.#log.child(bindings), this.#keep, { ...this.#bindings, ...bindings })
  }

  #write (level: string, args: unknown[]): void {
    this.#log[level](...args)
    // What cannot be read is not kept: getters and proxies may throw, and the handler has only logged.
    if (isKept(level)) tryOr(() => this.#keepLine(level, args), undefined)
  }

  #keepLine (level: string, [first, ...rest]: unknown[]): void {
    const isObject = typeof first === 'object' && first !== null
    const given = isObject ? fieldsOf(first) : {}
    const fields = Object.entries({ ...this.#bindings, ...given }).map(([name, value]) => [name, withError(value)])
    const texts = isObject ? rest : [first, ...rest]
    const msg = texts.length === 0 && isA(given.err, Error) ? given.err.message : format(...texts)
    this.#keep({ level, msg, fields: Object.fromEntries(fields) })
  }

  fatal (...args: unknown[]): void { this.#write('fatal', args) }
  error (...args: unknown[]): void { this.#write('error', args) }
  warn (...args: unknown[]): void { this.#write('warn', args) }
  info (...args: unknown[]): void { this.#write('info', args) }
  debug (...args: unknown[]): void { this.#write('debug', args) }
  trace (...args: unknown[]): void { this.#write('trace', args) }
  silent (): void {}
}
