/**
 * HTML that is safe by its type: what is not `Html` is escaped.
 */

export type Value = Html | string | number | null | undefined | false | Value[]

/** Made by the tag `html` only. */
export class Html {
  readonly #text: string

  constructor (text: string, key: typeof KEY) {
    if (key !== KEY) throw new TypeError('Html is made by the tag `html`')
    this.#text = text
  }

  toString (): string { return this.#text }
}

const KEY = Symbol('made by the tag')

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

// Characters that cannot be seen, or that turn the text after them round: a name could look like another one.
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g

/** For text and for attributes in quotes. */
const escape = (text: string): string => text.replace(HIDDEN, '\uFFFD').replace(/[&<>"']/g, found => ESCAPES[found]!)

function toText (value: Value): string {
  if (value instanceof Html) return value.toString()
  if (Array.isArray(value)) return value.map(toText).join('')
  return value === null || value === undefined || value === false ? '' : escape(String(value))
}

/** Nothing is shown for null, undefined and false; the parts of a list one after the other. */
export const html = (strings: TemplateStringsArray, ...values: Value[]): Html =>
  new Html(strings.reduce((text, string, i) => text + toText(values[i - 1]) + string), KEY)
