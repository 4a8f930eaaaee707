/** Puts a table that was measured into its place in a page of docs/: between `<!-- name -->` and `<!-- /name -->`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { withSection } from '../scripts/docs/markdown.ts'

export function writeSection (page: string, name: string, text: string): void {
  writeFileSync(page, withSection(readFileSync(page, 'utf8'), name, text))
}

/** On what it was measured. */
export function machine (redis: string): string {
  return `${cpus().length} cores (${cpus()[0]!.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, Redis ${redis}`
}
