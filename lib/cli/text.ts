/**
 * Values as a table shows them. Names, messages and results come from anywhere: a terminal must not execute them.
 */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const escape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** On one line, without characters that control a terminal. */
export const oneLine = (text: string): string => cleanText(text.replace(/\s+/g, ' ').trim())

/** Keeps line breaks. Other characters that control a terminal are shown as escapes. */
export const cleanText = (text: string): string =>
  text.replace(CONTROL, char => char === '\n' ? char : char === '\t' ? '  ' : escape(char))

/** JSON on one line, which a terminal may show. */
export const toJsonLine = (value: unknown): string => JSON.stringify(value).replace(CONTROL, escape)

/** On one line of at most `length` characters. */
export function shorten (text: string, length: number): string {
  const line = oneLine(text)
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}

/** A length of time (ms), in its largest unit. */
export function span (ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** How long ago a time was. */
export const ago = (iso: string | null): string => iso === null ? '-' : span(Date.now() - Date.parse(iso))
