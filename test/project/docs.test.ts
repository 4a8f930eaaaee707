import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import t from 'tap'
import { generatedPages } from '../../scripts/docs.ts'
import { readMemberNames, readUnion } from '../../scripts/docs/source.ts'

const read = (page: string): string => readFileSync(page, 'utf8')

const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.md'))
  .map(name => join('docs', name).replaceAll(sep, '/'))
const pages = ['README.md', ...docs]

/** Without code, where links and tables are text. */
const prose = (page: string): string => read(page).replaceAll(/^```[^]*?^```/gm, '')

/** The names that GitHub gives to the headings of a page. */
function anchors (page: string): string[] {
  const headings = [...prose(page).matchAll(/^#+ (.+)$/gm)].map(match => match[1]!)
  return headings.map(text => text.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))
}

t.test('generated pages are up to date: npm run docs', async t => {
  for (const [page, text] of await generatedPages()) t.equal(text, read(page), page)
})

t.test('every relative link leads to a file, and to a heading in it', async t => {
  for (const page of pages) {
    const links = prose(page).replaceAll(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)
    for (const [, link] of links) {
      if (/^https?:/.test(link!)) continue
      const [path, anchor] = link!.split('#') as [string, string?]
      const target = path === '' ? page : join(dirname(page), path)
      if (!existsSync(target)) t.fail(`${page}: ${link}`)
      else if (anchor !== undefined) t.ok(anchors(target).includes(anchor), `${page}: ${link}`)
    }
  }
})

t.test('every page is in docs/index.md', async t => {
  const index = read('docs/index.md')
  for (const page of docs) if (page !== 'docs/index.md') t.ok(index.includes(`](${page.slice('docs/'.length)})`), page)
})

t.test('every column of a table has a title', async t => {
  for (const page of pages) {
    const heads = prose(page).matchAll(/^(\|.*\|)\n\|[\s:|-]+\|$/gm)
    for (const [, head] of heads) t.notMatch(head!.replaceAll('\\|', ''), /\|\s*\|/, `${page}: ${head}`)
  }
})

t.test('README.md is short, and has one command for the demo and one for the tests', async t => {
  const readme = read('README.md')
  t.ok(readme.trimEnd().split('\n').length <= 170)
  t.same([...readme.matchAll(/^npm ci && (.+)$/gm)].map(match => match[1]), ['npm run demo', 'npm test'])
})

/** A cell of docs/internals/benchmarks.md: by the heading of its table, the first cell of its row, and its number. */
function benchmarked (heading: string, row: string, column: number): string {
  const [, section] = read('docs/internals/benchmarks.md').split(`# ${heading}\n`)
  const cells = section!.split(/^#/m, 1)[0]!.split('\n').map(line => line.split(' | '))
  return cells.find(([first]) => first === `| ${row}`)![column]!.replace(/ \|$/, '')
}

/** As many digits after the point as the text has. */
const roundedLike = (text: string, value: string): string =>
  text.includes(',') ? value : Number(value).toFixed(/\.(\d+)/.exec(text)?.[1]!.length ?? 0)

const QUIET = ', requestContext: false'
const NO_OP = 'processed/s, no-op, results kept, concurrency 100:'

/** The figures of README.md, in their order, and where each comes from. */
const figures: Array<[RegExp, () => string]> = [
  [/([\d.,]+) empty tasks a second/, () => benchmarked('Processed a second, concurrency 100', 'fastify-tasks', 1)],
  [/([\d.,]+) × BullMQ/, () => benchmarked('Bars', `${NO_OP} × BullMQ`, 2)],
  [/([\d.,]+) × Celery/, () => benchmarked('Bars', `${NO_OP} × Celery`, 2)],
  [/([\d.,]+) ms \(median\)/, () => benchmarked('Start latency on an idle queue, ms', 'fastify-tasks', 1)],
  [/([\d.,]+) requests a second/, () => benchmarked('HTTP answers a second, 20 connections', `fastify-tasks${QUIET}`, 1)],
  [/([\d.,]+) × a bare route/, () => benchmarked('Bars', `POST that enqueues: × the bare route${QUIET}`, 2)],
  [/([\d.,]+) clients/, () => /takes ([\d,]+) of them/.exec(read('docs/guides/status-routes.md'))![1]!],
  [/some ([\d.,]+) safeguards/, () => {
    const rows = read('scripts/shields.ts').match(/^ {4}against: /gm)!.length
    return String(Math.round(rows / 50) * 50)
  }]
]

t.test('each figure of README.md is that of the last run, or of the page that has it', async t => {
  const [, why] = read('README.md').split(/^## Why\n/m)
  const text = why!.split(/^##/m, 1)[0]!.replaceAll(/`[^`]*`|\]\([^)]*\)/g, '').replaceAll(/\s+/g, ' ')
  for (const [pattern, source] of figures) {
    const shown = pattern.exec(text)?.[1] ?? ''
    t.equal(shown, roundedLike(shown, source()), String(pattern))
  }
  t.equal(text.match(/\d[\d.,]*/g)!.length, figures.length, 'a new figure needs a row here')
})

t.test('the speeds of docs/comparison.md are those of the last run', async t => {
  const [, table] = /^\| Jobs that do nothing[^\n]*\n[^\n]*\n((?:\|.*\n)+)/m.exec(read('docs/comparison.md'))!
  const rows = table!.trimEnd().split('\n').map(row => row.split('|').map(cell => cell.trim()).slice(1, -1))
  const inPage: Record<string, string> =
    { 'BullMQ 6': 'BullMQ', 'Bee-Queue 2, no results': 'raw Bee-Queue', 'Celery 5': 'Celery' }
  const benchmarks = read('docs/internals/benchmarks.md')
  for (const [name, ...figures] of rows) {
    for (const [i, concurrency] of [1, 10, 100].entries()) {
      const [, section] = benchmarks.split(`### Processed a second, concurrency ${concurrency}\n`)
      const row = `| ${inPage[name!] ?? name} | ${figures[i]} |`
      t.ok(section!.split('###', 1)[0]!.includes(row), `${row} at ${concurrency}`)
    }
  }
})

// fastify-cli refuses an async plugin with one.
t.test('an app that a page or an example shows takes two arguments', async t => {
  const files = readdirSync('examples', { recursive: true, encoding: 'utf8' })
  const examples = files.filter(name => name.endsWith('app.ts'))
  const texts = [...pages, ...examples.map(name => join('examples', name))].map(file => [file, read(file)] as const)
  const apps = texts.flatMap(([file, text]) =>
    [...text.matchAll(/(?:^export default async function app|^const app: \w+ = async) (\(.*?\)|\w+)/gm)]
      .map(match => [file, match[1]!] as const))
  t.ok(apps.length > 7)
  for (const [file, parameters] of apps) t.match(parameters, ',', `${file}: ${parameters}`)
})

t.test('docs/internals/architecture.md is short, and names each folder and each top file of lib/', async t => {
  const architecture = read('docs/internals/architecture.md')
  const [, rooms, files] = architecture.split(/^## (?:Rooms|Files at the top)$/m) as [string, string, string]
  const firstColumn = (table: string): string => [...table.matchAll(/^\| (.+?) \|/gm)].map(match => match[1]).join()
  const named = (table: string, name: RegExp): string[] =>
    [...firstColumn(table).matchAll(name)].map(match => match[1]!).sort()
  const entries = readdirSync('lib', { withFileTypes: true })
  const namesOf = (isFile: boolean): string[] =>
    entries.filter(entry => entry.isFile() === isFile).map(entry => entry.name).sort()
  t.same(named(rooms, /`(\w+)\/`/g), namesOf(false))
  t.same(named(files, /`([\w-]+\.ts)`/g), namesOf(true))
  t.ok(architecture.split('\n').length < 80)
})

t.test('docs/internals/redis-keys.md names every key, docs/concepts/lifecycle.md every state', async t => {
  for (const key of readUnion('Key')) t.match(read('docs/internals/redis-keys.md'), `\`${key}\``, key)
  const states = readUnion('TaskState')
  t.equal(states.length, 8)
  for (const state of states) t.match(read('docs/concepts/lifecycle.md'), `| \`${state}\` |`, state)
})

t.test('docs/internals/commands.md names every script of package.json', async t => {
  const commands = read('docs/internals/commands.md')
  const { test, ...scripts } = JSON.parse(read('package.json')).scripts
  const asked = Object.keys(scripts).filter(name => !/^(pre|lint:)/.test(name))
  for (const name of asked) t.match(commands, new RegExp(`\`npm run ${name}[ \`]`), name)
})

t.test('docs/reference/tasks.md names every member of fastify.tasks, of a task, a handle and a record', async t => {
  const headings: Record<string, string> = {
    FastifyTasks: 'fastify.tasks',
    Task: 'A task',
    TaskHandle: 'A handle',
    TaskRecord: 'A record',
    TaskContext: 'A handler\'s task'
  }
  const sections = read('docs/reference/tasks.md').split(/^## /m)
  for (const [type, heading] of Object.entries(headings)) {
    const section = sections.find(text => text.startsWith(`${heading}\n`))!
    const named = [...section.matchAll(/`([^`]+)`/g)].map(match => match[1]).join(' ')
    for (const name of readMemberNames(type)) t.match(named, new RegExp(`\\b${name}\\b`), `${heading}: ${name}`)
  }
})

t.test('the tests that the guarantees name exist', async t => {
  const files = [...read('docs/concepts/guarantees.md').matchAll(/`(test\/[\w/.-]+)`((?:[:,] ".+?")*)/g)]
  t.ok(files.length > 10)
  for (const [, file, names] of files) {
    const text = read(file!).replaceAll('\\\'', '\'')
    for (const [, name] of names!.matchAll(/"(.+?)"/g)) t.ok(text.includes(name!), `${file}: ${name}`)
  }
})
