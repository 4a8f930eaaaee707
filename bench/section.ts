/** Writes a measured table into a page of docs/, between `<!-- name -->` and `<!-- /name -->`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

export function writeSection (page: string, name: string, text: string): void {
  const whole = readFileSync(page, 'utf8')
  const between = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
  if (!between.test(whole)) throw new Error(`${page} has no place for "${name}"`)
  writeFileSync(page, whole.replace(between, (_match, open: string, close: string) => `${open}${text}\n${close}`))
}

/** A Markdown table. The first row is the head. */
export function table (rows: string[][]): string {
  const [head, ...body] = rows as [string[], ...string[][]]
  return [head, head.map(() => '---'), ...body].map(row => `| ${row.join(' | ')} |`).join('\n')
}

/** The machine and the versions of a measurement, in one line. */
export function machine (redis: string): string {
  const hardware = `${cpus().length} cores (${cpus()[0]!.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${hardware}, Node ${process.version}, Redis ${redis}`
}
