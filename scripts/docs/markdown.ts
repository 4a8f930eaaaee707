/** Tables and generated sections of Markdown pages. */

/** A cell is one line, and a bar would end it. */
const cell = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')

/** Rows of cells; the first row holds the titles. */
export function table (rows: string[][]): string {
  const [head, ...body] = rows as [string[], ...string[][]]
  return [head, head.map(() => '---'), ...body].map(row => `| ${row.map(cell).join(' | ')} |`).join('\n')
}

export const code = (text: string): string => `\`${text}\``

export const codeBlock = (language: string, text: string): string => `\`\`\`${language}\n${text}\`\`\``

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** With a capital at its start and a full stop at its end. */
export const sentence = (text: string): string => text === '' ? '' : capital(text) + (/[.…?]$/.test(text) ? '' : '.')

/** The page with `text` between `<!-- name -->` and `<!-- /name -->`. Throws if it has no such place. */
export function withSection (page: string, name: string, text: string): string {
  const place = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
  if (!place.test(page)) throw new Error(`the page has no place for "${name}": <!-- ${name} --> and <!-- /${name} -->`)
  return page.replace(place, (_match, open: string, close: string) => `${open}${text}\n${close}`)
}
