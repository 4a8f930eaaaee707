/** Puts a table that was measured into its place in a page of docs/: between `<!-- name -->` and `<!-- /name -->`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

export function writeSection (page: string, name: string, text: string): void {
  const whole = readFileSync(page, 'utf8')
  const between = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
  if (!between.test(whole)) throw new Error(`${page} has no place for "${name}"`)
  writeFileSync(page, whole.replace(between, (_match, open: string, close: string) => `${open}${text}\n${close}`))
}

/** Rows of words, as Markdown; the first is the head. */
export function table (rows: string[][]): string {
  const [head, ...body] = rows as [string[], ...string[][]]
  return [head, head.map(() => '---'), ...body].map(row => `| ${row.join(' | ')} |`).join('\n')
}

/** On what it was measured. */
export function machine (redis: string): string {
  return `${cpus().length} cores (${cpus()[0]!.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, Redis ${redis}`
}
