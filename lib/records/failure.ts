/**
 * Whatever a handler throws, as a failure that can be stored and read.
 */
import { inspect, toUSVString } from 'node:util'
import { tryOr } from '../describe.ts'
import { appTime } from '../timers.ts'
import type { TaskErrorRecord } from '../types.ts'

export interface Failure {
  error: TaskErrorRecord
  stack: string
  /** Wait for at least this long before the next attempt, in ms; from the error's `retryAfter`. */
  retryAfter: number | null
  /** False where another attempt would not help. */
  retryable: boolean
}

const MAX_MESSAGE = 4_096
const MAX_STACK = 8_192
/** What a mistaken retryAfter may cost at most: 30 days, in ms. */
const MAX_RETRY_AFTER_MS = 2_592_000_000
const NON_RETRYABLE_CODES = new Set(['FST_TASKS_UNRECOVERABLE', 'FST_TASKS_RESULT_INVALID', 'FST_TASKS_RESULT_TOO_LARGE', 'FST_TASKS_RECORD_INVALID', 'FST_TASKS_DATA_REFUSED'])

const peek = (thrown: unknown, key: string): unknown => tryOr(() => (thrown as any)?.[key], undefined)

/** Without stacks: they leave the process only where exposeStack says so. */
function describe (thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  return tryOr(() => inspect(thrown, { depth: 2, breakLength: Infinity }).replaceAll(/\n\s+at .*/g, ''), 'something that cannot be shown')
}

const truncate = (text: string, length: number): string => toUSVString(text.length > length ? `${text.slice(0, length - 1)}…` : text)

/** With those of the errors inside (AggregateError), which may hold each other. */
function messageOf (thrown: unknown, depth = 0): string {
  const message = peek(thrown, 'message')
  const inner = depth < 2 ? innerErrors(thrown).map(one => messageOf(one, depth + 1)).filter(Boolean).join('; ') : ''
  if (typeof message === 'string') return message && inner ? `${message}: ${inner}` : message || inner
  return inner || describe(thrown)
}

const innerErrors = (thrown: unknown): unknown[] => tryOr(() => {
  const errors = peek(thrown, 'errors')
  return Array.isArray(errors) ? errors.slice(0, 10) : []
}, [])

function stackOf (thrown: unknown, depth = 0): string {
  const stack = peek(thrown, 'stack')
  const text = typeof stack === 'string' ? stack : describe(thrown)
  const cause = peek(thrown, 'cause')
  return cause === undefined || depth === 5 ? text : `${text}\nCaused by: ${stackOf(cause, depth + 1)}`
}

function retryAfterOf (thrown: unknown): number | null {
  const value = peek(thrown, 'retryAfter')
  const ms = tryOr(() => value instanceof Date ? value.getTime() - appTime() : value, null)
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? Math.ceil(Math.min(ms, MAX_RETRY_AFTER_MS)) : null
}

/** Anything can be thrown: `undefined`, a string, an object whose getters throw. All of it is a failure. */
export function toFailure (thrown: unknown): Failure {
  const name = peek(thrown, 'name')
  const code = peek(thrown, 'code')
  return {
    error: {
      name: typeof name === 'string' && name !== '' ? truncate(name, 128) : 'Error',
      message: truncate(messageOf(thrown), MAX_MESSAGE),
      code: typeof code === 'string' || typeof code === 'number' ? truncate(String(code), 128) : null
    },
    stack: truncate(stackOf(thrown), MAX_STACK),
    retryAfter: retryAfterOf(thrown),
    retryable: !NON_RETRYABLE_CODES.has(code as string)
  }
}

/**
 * A failure for the log, as an Error of our own: what was thrown may throw when it is looked at, and ioredis' errors carry
 * the command with its arguments, passwords too.
 */
export function toLoggableError ({ error: { name, message, code }, stack }: Failure): Error {
  return Object.assign(new Error(message), { name, stack, ...(code === null ? {} : { code }) })
}
