/**
 * The lines of a task's log, as they are stored: JSON, one a line.
 */
import { tryOr } from '../describe.ts'
import type { TaskLogLine } from '../types.ts'

/** In characters. */
const MAX_LINE = 8_192
const MAX_MESSAGE = 2_048

/** A stack, in whatever field the app's logger puts an error: `err`, `error`, those inside of it. */
function withoutStacks (this: any, key: string, value: unknown): unknown {
  const isStack = /^stack(_?trace)?$/i.test(key) && typeof value === 'string' && typeof this.message === 'string'
  return isStack ? undefined : value
}

/**
 * A long line loses its fields, and the end of its message.
 * @param hasStacks whether stacks stay
 */
export function encodeLine (line: TaskLogLine, hasStacks: boolean): string {
  const text = tryOr(() => JSON.stringify(line, hasStacks ? undefined : withoutStacks), '')
  if (text !== '' && text.length <= MAX_LINE) return text
  const { msg } = line
  const short = msg.length > MAX_MESSAGE ? `${msg.slice(0, MAX_MESSAGE)}…` : msg
  return JSON.stringify({ ...line, fields: null, msg: short })
}

/** Whoever has access to Redis may have written something else. */
export function decodeLines (parts: string[]): TaskLogLine[] {
  return parts.flatMap(part => part.split('\n')).map(text => tryOr(() => JSON.parse(text), null)).filter(isLine)
}

function isLine (line: any): line is TaskLogLine {
  const { time, level, attempt, msg, fields } = line ?? {}
  return [time, level, msg].every(value => typeof value === 'string') && Number.isSafeInteger(attempt) &&
    typeof fields === 'object'
}
