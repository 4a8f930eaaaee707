/**
 * What says how long a task waits that a handler puts off.
 */

/** A text, such as a header, is no wait where it is read: the task would come back at once, again and again. */
export const isWait = (value: unknown): value is number | Date =>
  value instanceof Date ? value.getTime() >= 0 : Number.isFinite(value) && value as number >= 0

/** Nor are seconds since 1970, as a header has them, and a number that no Date can hold. */
export const isPointInTime = (value: unknown): value is number | Date =>
  isWait(value) && (value instanceof Date || (value > 1e11 && !Number.isNaN(new Date(value).getTime())))
