// A module that a script makes from other files, and that is committed.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

function current (file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Writes the module if it has changed. With --check nothing is written: the script fails if it is out of date. */
export function keepUpToDate (url, generated) {
  const file = fileURLToPath(url)
  if (generated === current(file)) return
  if (process.argv[2] !== '--check') return writeFileSync(file, generated)
  process.stderr.write(`${file} is out of date: npm run compile\n`)
  process.exitCode = 1
}
