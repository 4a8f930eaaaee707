/**
 * Layer 4: values as a table shows them. Names, messages and results come from anywhere: a terminal must not obey them.
 */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g // eslint-disable-line no-control-regex

const escape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** On one line, without what steers a terminal. */
export const oneLine = (text: string): string => cleanText(text.replace(/\s+/g, ' ').trim())

/** Lines stay lines; what steers a terminal is shown instead. */
export const cleanText = (text: string): string => text.replace(CONTROL, char => char === '\n' ? char : char === '\t' ? '  ' : escape(char))

/** JSON on one line, that a terminal may show. */
export const asJson = (value: unknown): string => JSON.stringify(value).replace(CONTROL, escape)

export function shorten (text: string, most: number): string {
  const line = oneLine(text)
  return line.length > most ? `${line.slice(0, most - 1)}…` : line
}

/** A span of time, in its largest unit. */
export function span (ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** How long ago a time was. */
export const ago = (iso: string | null): string => iso === null ? '-' : span(Date.now() - Date.parse(iso))
