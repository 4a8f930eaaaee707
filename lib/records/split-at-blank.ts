/**
 * Two values in one text, with a blank between them: the first has none.
 */
export function splitAtBlank (text: string): [first: string, rest: string] {
  const at = text.indexOf(' ')
  return [text.slice(0, Math.max(0, at)), text.slice(at + 1)]
}
