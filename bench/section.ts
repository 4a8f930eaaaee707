/** Writes a measured table into a page of docs/, between `<!-- name -->` and `<!-- /name -->`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { withSection } from '../scripts/docs/markdown.ts'

export function writeSection (page: string, name: string, text: string): void {
  writeFileSync(page, withSection(readFileSync(page, 'utf8'), name, text))
}

/** The machine and the versions of a measurement, in one line. */
export function machine (redis: string): string {
  const hardware = `${cpus().length} cores (${cpus()[0]!.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${hardware}, Node ${process.version}, Redis ${redis}`
}
