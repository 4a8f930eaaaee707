/**
 * Whether a client takes server-sent events, by its Accept header.
 */

/** The most specific first. */
const RANGES = ['text/event-stream', 'text/*', '*/*']

const REFUSAL = /^q=0(\.0*)?$/

/**
 * Of the ranges in the header that match, the most specific decides (RFC 9110, 12.5.1). Without a header everything is
 * accepted.
 */
export function acceptsEvents (accept: string | undefined): boolean {
  if (!accept) return true
  const parts = accept.toLowerCase().split(',').map(part => part.split(';').map(text => text.trim()))
  for (const range of RANGES) {
    const matching = parts.filter(([type]) => type === range)
    if (matching.length > 0) return matching.some(([, ...parameters]) => !parameters.some(text => REFUSAL.test(text)))
  }
  return false
}
