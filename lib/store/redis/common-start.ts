/**
 * Two texts that begin alike: the second is sent as what it has of the first, and the rest.
 */

/** How many bytes of the first text the second begins with, and what follows them. */
export function afterCommonStart (before: string | Buffer, after: string): [bytes: number, rest: string] {
  if (typeof before !== 'string') return [0, after]
  const most = Math.min(before.length, after.length)
  let end = 0
  while (end < most && before.charCodeAt(end) === after.charCodeAt(end)) end++
  if (end > 0 && isHighSurrogate(before.charCodeAt(end - 1))) end--
  return [Buffer.byteLength(before.slice(0, end)), after.slice(end)]
}

/** The first half of a character. Half of one cannot be sent. */
const isHighSurrogate = (code: number): boolean => code >= 0xD800 && code <= 0xDBFF
