// Prints the coverage of lib/, and fails below 95 %: of lines and of branches.
import { readFileSync } from 'node:fs'
import { sep } from 'node:path'

const FLOOR = 95
const summary = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'))
const files = Object.entries(summary).filter(([path]) => path.includes(`${sep}lib${sep}`)).map(([, counts]) => counts)
if (files.length === 0) throw new Error('no coverage of lib/ was measured')

let low = false
for (const kind of ['lines', 'branches', 'functions']) {
  const total = files.reduce((sum, file) => sum + file[kind].total, 0)
  const covered = files.reduce((sum, file) => sum + file[kind].covered, 0)
  const percent = covered / total * 100
  console.log(`lib/ ${kind}: ${percent.toFixed(2)} % (${covered} of ${total})`)
  if (kind !== 'functions' && percent < FLOOR) low = true
}
if (low) {
  console.error(`below ${FLOOR} %`)
  process.exit(1)
}
