/**
 * The one filter for everything that is printed: tables, messages, JSON and logs. Names, messages and results come from
 * anywhere: a terminal must not execute them, and they must not look like something else.
 */
import { hideCredentials } from '../describe.ts'
import { span } from '../schedules/in-words.ts'

/**
 * Characters that control a terminal or that nobody sees: controls, the marks of directions, joiners, separators of
 * lines, halves of characters. Not the two that choose how an emoji looks.
 */
const CONTROL = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** As JSON writes it: each half of a character beyond U+FFFF of its own. */
const escape = (char: string): string => Array.from({ length: char.length }, (_, i) =>
  `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')

/** On one line, without characters that control a terminal. */
export const oneLine = (text: string): string => cleanText(text.replace(/\s+/g, ' ').trim())

/** Keeps line breaks. Other characters that control a terminal are shown as escapes. */
export const cleanText = (text: string): string =>
  text.replace(CONTROL, char => char === '\n' ? char : char === '\t' ? '  ' : escape(char))

/** A message for people: as `cleanText`, and without the passwords of URLs. */
export const cleanMessage = (text: string): string => cleanText(hideCredentials(text))

/** JSON, with the same meaning, that a terminal may show. Keeps the break at the end of a line. */
export const cleanJson = (json: string): string => json.replace(CONTROL, char => char === '\n' ? char : escape(char))

/** JSON on one line, which a terminal may show. */
export const toJsonLine = (value: unknown): string => cleanJson(JSON.stringify(value))

/** A copy of JSON whose texts a terminal may show, names of properties included. */
export function cleanValue (value: any): any {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(cleanValue)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [cleanText(key), cleanValue(item)]))
}

/** On one line of at most `length` characters. */
export function shorten (text: string, length: number): string {
  const line = oneLine(text)
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}

/** How long ago a time was. */
export const ago = (iso: string | null): string => iso === null ? '-' : span(Date.now() - Date.parse(iso))
