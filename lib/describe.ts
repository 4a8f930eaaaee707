/**
 * Any value as short text for an error or a log line.
 */

const MAX_LENGTH = 80
const NOT_SHOWN = 'something that cannot be shown'

/** The result of `read`, or `otherwise` if it throws. Getters, proxies and methods of a value may throw. */
export function tryOr<T> (read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

/** A value, short and on one line. A long text is cut, so that a secret is not shown whole. */
export function describeValue (value: unknown): string {
  const text = tryOr(() => textOf(value), undefined) ?? tryOr(() => Object.prototype.toString.call(value), NOT_SHOWN)
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3)}…` : text
}

/** A name of any type, to be put in quotes. */
export function describeName (name: unknown): string {
  return typeof name === 'string' ? name.slice(0, MAX_LENGTH) : describeValue(name)
}

function textOf (value: unknown): string | undefined {
  if (typeof value === 'function') return `a function (${nameOf(value)})`
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}

/** A function's own property `name` may be anything. */
function nameOf ({ name }: { name: unknown }): string {
  return typeof name === 'string' && name !== '' ? name : 'anonymous'
}
