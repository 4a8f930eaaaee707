/**
 * Writes the table of error codes into README.md, from lib/errors.ts: `npm run docs`. A test holds that it was run.
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** README.md as it should be. */
export function withErrorTable (readme: string, source: string): string {
  const rows = [...source.matchAll(/createError\('([A-Z_]+)', '(.*)', (\d+)\)$/gm)]
    .map(([, code, message, status]) => `| \`${code}\` | ${status} | ${readable(message!)} |`)
  return readme.replace(/(<!-- errors -->\n)[^]*?(<!-- \/errors -->)/, (_all, begin: string, end: string) => `${begin}| code | status | message |\n|---|---|---|\n${rows.join('\n')}\n${end}`)
}

const readable = (message: string): string => message.replaceAll('\\\'', '\'').replaceAll(/%[sd]/g, '…').replaceAll('|', '\\|')

if (import.meta.url === `file://${process.argv[1]}`) {
  writeFileSync('README.md', withErrorTable(readFileSync('README.md', 'utf8'), readFileSync('lib/errors.ts', 'utf8')))
}
