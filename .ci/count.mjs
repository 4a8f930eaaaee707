// Adds up the runners' own counts and prints the one closing line. A runner without a count is an error.
import { readFileSync } from 'node:fs'

const sum = { passed: 0, failed: 0, skipped: 0 }

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8')
  const tap = [...text.matchAll(/^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?(?:, todo: (\d+))?(?:, skip: (\d+))? \}/gm)].at(-1)
  const plain = [...text.matchAll(/^(\d+) passed, (\d+) failed/gm)]
  const sumOf = i => plain.reduce((total, match) => total + Number(match[i]), 0)
  const [passed, failed, skipped] = tap ? [tap[2], tap[3], tap[5]] : plain.length > 0 ? [sumOf(1), sumOf(2), 0] : []
  if (passed === undefined) throw new Error(`${file}: no count of tests`)
  sum.passed += Number(passed)
  sum.failed += Number(failed ?? 0)
  sum.skipped += Number(skipped ?? 0)
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exit(sum.failed > 0 || sum.passed === 0 ? 1 : 0)
