/**
 * Two texts that begin alike: the second is sent as what it has of the first, and the rest.
 */

/** How many bytes of the first text the second begins with, and what follows them. */
export function afterCommonStart (before: string | Buffer, after: string): [bytes: number, rest: string] {
  if (typeof before !== 'string') return [0, after]
  let end = 0
  // By halves: to compare two texts costs less than to step through them.
  for (let most = Math.min(before.length, after.length); end < most;) {
    const middle = Math.ceil((end + most) / 2)
    if (before.startsWith(after.slice(end, middle), end)) end = middle
    else most = middle - 1
  }
  if (end > 0 && isHighSurrogate(before.charCodeAt(end - 1))) end--
  return [Buffer.byteLength(before.slice(0, end)), after.slice(end)]
}

/** The first half of a character. Half of one cannot be sent. */
const isHighSurrogate = (code: number): boolean => code >= 0xD800 && code <= 0xDBFF
