/**
 * Keeps the log lines of tasks with `keepLogs`: collects them, and has them stored once a second, and when the attempt
 * ends. So a handler that logs without a pause sends no more than `keepLogs` bytes a second. A lost line changes
 * nothing: what Redis does not take is dropped.
 *
 * Lines after the end of the attempt are not kept: by then another task may have its id.
 */
import { keepLines } from '../attempt/kept-log.ts'
import { encodeLine } from '../records/log-lines.ts'
import { clearTimeout, setTimeout } from '../timers.ts'
import type { FastifyBaseLogger } from 'fastify'
import type { QueueLogs } from '../store/log-contract.ts'
import type { StoreClock } from '../store/store-contract.ts'
import type { Definition } from '../tasks/definition.ts'

const FLUSH_MS = 1_000

interface LoggedAttempt {
  readonly id: string
  readonly attempt: number
  readonly definition: Definition
}

export interface KeptLogsOptions {
  queue: { readonly logs: QueueLogs }
  clock: StoreClock
  settings: { exposeStack: boolean }
}

export class KeptLogs {
  readonly #options: KeptLogsOptions
  readonly #lines = new WeakMap<LoggedAttempt, Lines>()
  readonly #ended = new WeakSet<LoggedAttempt>()

  constructor (options: KeptLogsOptions) {
    this.#options = options
  }

  /** The log of the attempt, which keeps its lines if the task wants it. */
  keep (attempt: LoggedAttempt, log: FastifyBaseLogger): FastifyBaseLogger {
    const { keepLogs } = attempt.definition.options
    if (keepLogs === undefined || this.#ended.has(attempt)) return log
    const { queue, clock, settings } = this.#options
    const lines = new Lines(keepLogs, text => queue.logs.append(attempt.id, text, keepLogs))
    this.#lines.set(attempt, lines)
    return keepLines(log, line => {
      const time = new Date(clock.now()).toISOString()
      const { level, msg } = line
      const fields = Object.keys(line.fields).length === 0 ? null : line.fields
      lines.add(encodeLine({ time, level, attempt: attempt.attempt, msg, fields }, settings.exposeStack))
    })
  }

  /** The attempt has ended: has what it logged stored now, in front of what is sent next. */
  end (attempt: LoggedAttempt): void {
    if (attempt.definition.options.keepLogs === undefined) return
    this.#ended.add(attempt)
    this.#lines.get(attempt)?.end()
  }
}

/** The lines of one attempt that are not stored yet, at most so many bytes: the oldest are dropped. */
class Lines {
  readonly #maxBytes: number
  readonly #store: (text: string) => Promise<void>
  #lines: string[] = []
  #bytes = 0
  #isStoring = false
  #ended = false
  #timer: NodeJS.Timeout | null = null

  constructor (maxBytes: number, store: (text: string) => Promise<void>) {
    this.#maxBytes = maxBytes
    this.#store = store
  }

  add (line: string): void {
    if (this.#ended) return
    this.#lines.push(line)
    this.#bytes += Buffer.byteLength(line) + 1
    while (this.#bytes > this.#maxBytes && this.#lines.length > 1) {
      this.#bytes -= Buffer.byteLength(this.#lines.shift()!) + 1
    }
    this.#timer ??= setTimeout(() => this.#onTimer(), FLUSH_MS).unref()
  }

  /** While Redis does not answer nothing more is sent. */
  #onTimer (): void {
    this.#timer = null
    if (!this.#isStoring) this.#flush()
    else this.#timer = setTimeout(() => this.#onTimer(), FLUSH_MS).unref()
  }

  end (): void {
    this.#ended = true
    this.#flush()
  }

  #flush (): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#lines.length === 0) return
    const text = this.#lines.join('\n')
    this.#lines = []
    this.#bytes = 0
    this.#isStoring = true
    const done = (): void => { this.#isStoring = false }
    this.#store(text).then(done, done)
  }
}
