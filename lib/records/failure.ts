/**
 * A failure that can be stored and read, made of any value that a handler throws.
 */
import { inspect, toUSVString, types } from 'node:util'
import { describeKind, hideCredentials, isA, tryOr } from '../describe.ts'
import { appTime } from '../timers.ts'
import type { TaskErrorRecord } from '../types.ts'

export interface Failure {
  error: TaskErrorRecord
  stack: string
  /** The shortest wait before the next attempt, in ms; from the error's `retryAfter`. */
  retryAfter: number | null
  /** False if another attempt would not help. */
  retryable: boolean
}

const MAX_MESSAGE = 4_096
const MAX_STACK = 8_192
/** Errors may be causes of each other. */
const MAX_CAUSES = 5
/** Limit of retryAfter: 30 days, in ms. A mistaken value delays a task by no more. */
const MAX_RETRY_AFTER_MS = 2_592_000_000
const NON_RETRYABLE_CODES = new Set([
  'FST_TASKS_UNRECOVERABLE', 'FST_TASKS_RESULT_INVALID', 'FST_TASKS_RESULT_TOO_LARGE', 'FST_TASKS_RECORD_INVALID',
  'FST_TASKS_DATA_REFUSED'
])

/** A property of any value; undefined if reading it throws. */
const peek = (thrown: unknown, key: string): unknown => tryOr(() => (thrown as any)?.[key], undefined)

/** An object without its content: the request, headers and tokens in it would leave the process with the message. */
function describe (thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  const isObject = typeof thrown === 'function' || (typeof thrown === 'object' && thrown !== null)
  return isObject ? `${describeKind(thrown)}, and not an Error` : inspect(thrown)
}

/** toUSVString: the cut may have split a surrogate pair. */
function truncate (text: string, length: number): string {
  return toUSVString(text.length > length ? `${text.slice(0, length - 1)}…` : text)
}

/**
 * The message of an error, followed by the messages of the errors inside (AggregateError). At most two levels: errors
 * may hold each other.
 */
function messageOf (thrown: unknown, depth = 0): string {
  const message = peek(thrown, 'message')
  const messages = depth < 2 ? innerErrors(thrown).map(error => messageOf(error, depth + 1)) : []
  const inner = messages.filter(Boolean).join('; ')
  if (typeof message === 'string') return message && inner ? `${message}: ${inner}` : message || inner
  return inner || describe(thrown)
}

const innerErrors = (thrown: unknown): unknown[] => tryOr(() => {
  const errors = peek(thrown, 'errors')
  return Array.isArray(errors) ? errors.slice(0, 10) : []
}, [])

/** The stack, and the stacks of its causes. */
function stackOf (thrown: unknown, depth = 0): string {
  const stack = peek(thrown, 'stack')
  const text = typeof stack === 'string' ? stack : describe(thrown)
  const cause = peek(thrown, 'cause')
  return cause === undefined || depth === MAX_CAUSES ? text : `${text}\nCaused by: ${stackOf(cause, depth + 1)}`
}

function retryAfterOf (thrown: unknown): number | null {
  const value = peek(thrown, 'retryAfter')
  const ms = tryOr(() => value instanceof Date ? value.getTime() - appTime() : value, null)
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? Math.ceil(Math.min(ms, MAX_RETRY_AFTER_MS)) : null
}

/** Never throws. Anything can be thrown: `undefined`, a string, an object whose getters throw. */
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

/** Whether a task is tried again after a failure. */
export const hasAttemptLeft = ({ retryable }: Failure, { retries = 0 }: { retries?: number }): boolean =>
  retryable && retries > 0

/**
 * A failure as a new Error for the log. The logger must not read the thrown value: its getters may throw, and an error
 * of ioredis carries the command with its arguments, passwords included. A message may quote a URL: the log gets it
 * without user and password.
 */
export function toLoggableError ({ error: { name, message, code }, stack }: Failure): Error {
  const error = new Error(hideCredentials(message))
  return Object.assign(error, { name, stack: hideCredentials(stack), ...(code === null ? {} : { code }) })
}

/**
 * An error as the log gets it: with its class and its causes, and those of its own properties that are plain values. A
 * copy: getters of the thrown value may throw, and an error of ioredis carries the command with its arguments,
 * passwords included. A message may quote a URL: the log gets it without user and password. Never throws.
 */
export function toLoggable (thrown: unknown, depth = 0): Error {
  // A DOMException is a native error in Node 24. Its class has 25 constants, which a logger would write.
  if (!types.isNativeError(thrown) || isA(thrown, DOMException)) return toLoggableError(toFailure(thrown))
  const { error: { message }, stack } = toFailure(thrown)
  const own = peek(thrown, 'stack')
  const cause = peek(thrown, 'cause')
  const hasCause = cause !== undefined && depth < MAX_CAUSES
  const copy = new Error(hideCredentials(message), hasCause ? { cause: toLoggable(cause, depth + 1) } : {})
  Object.setPrototypeOf(copy, tryOr(() => Object.getPrototypeOf(thrown), Error.prototype))
  copy.stack = hideCredentials(typeof own === 'string' ? truncate(own, MAX_STACK) : stack)
  Object.defineProperties(copy, getterValues(thrown))
  // Not assigned: the class may have a getter of this name, without a setter.
  return Object.defineProperties(copy, Object.getOwnPropertyDescriptors(plainProperties(thrown)))
}

const COPIED = new Set(['message', 'stack', 'cause'])

/** Its own strings, numbers and booleans. What it holds beyond that may be large, or secret. */
function plainProperties (thrown: object): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const key of tryOr(() => Object.keys(thrown), [])) {
    const value = plainOf(thrown, key)
    if (!COPIED.has(key) && value !== undefined) plain[key] = value
  }
  return plain
}

/** Undefined if it is no string, number or boolean. */
function plainOf (thrown: object, key: string): unknown {
  const value = peek(thrown, key)
  if (typeof value === 'string') return hideCredentials(truncate(value, MAX_MESSAGE))
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

/** The values of the getters of its class. They would throw on a copy, which has no private members of the class. */
function getterValues (thrown: object): PropertyDescriptorMap {
  const values: PropertyDescriptorMap = {}
  for (let at = prototypeOf(thrown); at && at !== Error.prototype; at = prototypeOf(at)) {
    const descriptors = tryOr(() => Object.entries(Object.getOwnPropertyDescriptors(at!)), [])
    for (const [key, { get, enumerable = false }] of descriptors) {
      if (!get || COPIED.has(key) || at === Object.prototype) continue
      values[key] ??= { value: plainOf(thrown, key), enumerable, configurable: true, writable: true }
    }
  }
  return values
}

const prototypeOf = (value: object): object | null => tryOr(() => Object.getPrototypeOf(value), null)
