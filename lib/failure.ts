/**
 * Layer 0: whatever a handler throws, as a failure that can be stored and read.
 */
import { inspect } from 'node:util'
import type { TaskErrorRecord } from './types.ts'

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
const FINAL = new Set(['TASK_UNRECOVERABLE', 'TASK_RESULT_INVALID', 'TASK_RESULT_TOO_LARGE', 'TASK_RECORD_INVALID', 'TASK_DATA_REFUSED'])

/** Reads a property of something that may throw when it is looked at. */
function peek (thrown: unknown, key: string): unknown {
  try {
    return (thrown as any)?.[key]
  } catch {
    return undefined
  }
}

function describe (thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2, breakLength: Infinity })
  } catch {
    return 'something that cannot be shown'
  }
}

const cut = (text: string, length: number): string => text.length > length ? `${text.slice(0, length - 1)}…` : text

function messageOf (thrown: unknown): string {
  const message = peek(thrown, 'message')
  const text = typeof message === 'string' && message !== '' ? message : undefined
  const inner = peek(thrown, 'errors')
  if (!Array.isArray(inner) || inner.length === 0) return text ?? describe(thrown)
  const messages = inner.slice(0, 10).map(one => messageOf(one)).join('; ')
  return text ? `${text}: ${messages}` : messages
}

function stackOf (thrown: unknown, depth = 0): string {
  const stack = peek(thrown, 'stack')
  const text = typeof stack === 'string' ? stack : describe(thrown)
  const cause = peek(thrown, 'cause')
  return cause === undefined || depth === 5 ? text : `${text}\nCaused by: ${stackOf(cause, depth + 1)}`
}

function retryAfterOf (thrown: unknown): number | null {
  const value = peek(thrown, 'retryAfter')
  const ms = value instanceof Date ? value.getTime() - Date.now() : value
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? Math.ceil(ms) : null
}

/** Anything can be thrown: `undefined`, a string, an object whose getters throw. All of it is a failure. */
export function toFailure (thrown: unknown): Failure {
  const name = peek(thrown, 'name')
  const code = peek(thrown, 'code')
  return {
    error: {
      name: typeof name === 'string' && name !== '' ? cut(name, 128) : 'Error',
      message: cut(messageOf(thrown), MAX_MESSAGE),
      code: typeof code === 'string' || typeof code === 'number' ? cut(String(code), 128) : null
    },
    stack: cut(stackOf(thrown), MAX_STACK),
    retryAfter: retryAfterOf(thrown),
    retryable: !FINAL.has(code as string)
  }
}

/**
 * A failure for the log, as an Error of our own: what was thrown may throw when it is looked at, and ioredis' errors carry
 * the command with its arguments, passwords too.
 */
export function loggable ({ error: { name, message, code }, stack }: Failure): Error {
  return Object.assign(new Error(message), { name, stack, ...(code === null ? {} : { code }) })
}
