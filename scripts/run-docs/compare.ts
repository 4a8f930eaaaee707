/**
 * Compares the output of a command with the output that a page shows.
 *
 * A word with `…` is a placeholder: `…` for any text of one line, `0d9c0c4e-…` for one value, which is the same
 * wherever the page has this word. Later commands get this value. A line that is only `…` stands for any number of
 * lines. JSON is compared as values: line breaks and spaces do not matter, the order of the keys does. Of the headers
 * of a reply those that are shown must be there; its body is compared if it is shown. All else is the same.
 */

/** What the placeholders of a page stand for. */
export type Values = Map<string, string>

const PLACEHOLDER = /[\w.-]*…/g

/** Throws if the output is not as shown, else adds to the values. */
export function compare (shown: string, output: string, values: Values): void {
  const found: Values = new Map(values)
  const [expected, given] = [shown.trim(), output.replaceAll('\r', '').trim()]
  const same = /^HTTP\/\d/.test(expected) ? sameReply(expected, given, found) : sameBody(expected, given, found)
  if (!same) throw new Error(`shown:\n${shown}\n\ncame:\n${output}`)
  for (const [name, value] of found) values.set(name, value)
}

/** The text of a command, with values in place of placeholders. */
export function fill (text: string, values: Values): string {
  return text.replaceAll(PLACEHOLDER, name => {
    const value = values.get(name)
    if (value === undefined) throw new Error(`no output before has shown what ${name} stands for`)
    return value
  })
}

function sameReply (shown: string, output: string, values: Values): boolean {
  const [[head, body], [headGiven, bodyGiven]] = [shown, output].map(text => {
    const end = text.indexOf('\n\n')
    return end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 2)]
  }) as [[string, string], [string, string]]
  const rows = headGiven.split('\n')
  const headers = head.split('\n').every(row => rows.some(given => sameText(row, given, values)))
  return headers && (body === '' || sameBody(body, bodyGiven, values))
}

function sameBody (shown: string, output: string, values: Values): boolean {
  const [expected, given] = [parsed(shown), parsed(output)]
  if (expected === undefined || given === undefined) return sameLines(shown.split('\n'), output.split('\n'), values)
  return sameValue(expected, given, values)
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function sameValue (shown: unknown, given: unknown, values: Values): boolean {
  if (typeof shown === 'string') return typeof given === 'string' && sameText(shown, given, values)
  if (typeof shown !== 'object' || shown === null) return shown === given
  if (typeof given !== 'object' || given === null || Array.isArray(shown) !== Array.isArray(given)) return false
  const [entries, entriesGiven] = [Object.entries(shown), Object.entries(given)]
  return entries.length === entriesGiven.length && entries.every(([key, value], i) =>
    entriesGiven[i]![0] === key && sameValue(value, entriesGiven[i]![1], values))
}

function sameLines (shown: string[], given: string[], values: Values): boolean {
  const [first, ...rest] = shown
  if (first === undefined) return given.length === 0
  if (first.trim() === '…') return given.some((_, i) => sameLines(rest, given.slice(i), values)) || rest.length === 0
  return given.length > 0 && sameText(first.trimEnd(), given[0]!.trimEnd(), values) &&
    sameLines(rest, given.slice(1), values)
}

function sameText (shown: string, given: string, values: Values): boolean {
  const names = shown.match(PLACEHOLDER) ?? []
  const parts = shown.split(PLACEHOLDER).map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const found = new RegExp(`^${parts.join('(.*?)')}$`).exec(given)
  if (!found) return false
  return names.every((name, i) => {
    const value = found[i + 1]!
    if (name === '…') return true
    if (values.has(name)) return values.get(name) === value
    values.set(name, value)
    return true
  })
}
