/**
 * docs/comparison.md: each row has a cell for each project, and docs/comparison-sources.md says where each was read.
 */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const cellsOf = (line: string): string[] => line.split(/(?<!\\)\|/).slice(1, -1).map(cell => cell.trim())
const [tables] = readFileSync('docs/comparison.md', 'utf8').split('\n## Speed\n')
const lines = tables!.split('\n').filter(line => line.startsWith('| '))
const rows = lines.map(cellsOf).filter(([question]) => question !== 'Question')
const questions = rows.map(([question]) => question!)

const [, ...sections] = readFileSync('docs/comparison-sources.md', 'utf8').split(/^## /m)

t.test('each row of the comparison has a cell for each project', async t => {
  t.ok(rows.length > 40)
  t.equal(new Set(questions).size, questions.length)
  for (const row of rows) t.ok(row.length === 8 && row.every(cell => cell !== ''), row[0])
})

t.test('each row names its source, for each project', async t => {
  t.equal(sections.length, 7)
  for (const section of sections) {
    const [project] = section.split('\n')
    const [, , ...sources] = section.split('\n').filter(line => line.startsWith('|')).map(cellsOf)
    t.same(sources.flatMap(([, named]) => named!.split('; ')).sort(), [...questions].sort(), project)
  }
})

t.test('our own sources exist', async t => {
  const [own] = sections
  for (const [, path] of own!.matchAll(/`((?:test|docs)\/[^`]+)`/g)) t.ok(existsSync(path!), path)
})
