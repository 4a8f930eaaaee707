/** Writes docs/internals/benchmarks.md and its chart from a report. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../scripts/redis.ts'
import { chart } from './chart.ts'
import { formatCell, type Report } from './report.ts'
import type { Bar } from './bars.ts'
import type { Machine } from './machine.ts'
import type { Table } from './context.ts'

const TITLE = 'Tasks processed a second, by concurrency'

const how = `Each peer has a process that enqueues and a process that works. All use one private Redis, which is emptied
before each measurement. The peers run in interleaved rounds, and each round begins with another peer. The figures are
medians of the rounds, and a ratio is the median of the rounds' ratios. Loggers are off. All peers carry the same data,
and their handlers do nothing and return the same result of 100 bytes.

- **floor**: bare ioredis: LPUSH, a blocking pop, one script that stores the result. No retries, no claims, no status.
- **fastify-tasks**: a real Fastify app with the plugin and its defaults.
- **raw Bee-Queue**: its own redis 3 client, \`getEvents: false\`, \`storeJobs: false\`; it keeps no results. Without
  events (\`sendEvents: false\`) no other process learns that a job has finished: shown, but no bar compares with it.
- **BullMQ**: its defaults; finished jobs and their return values stay.
- **Celery**: Debian's packages, prefork, results in Redis. Its pool has at most 10 processes: more made it slower.

Processed a second: a queue is filled, then drained; the time runs from the start of the first task to the end of the
last. The CPU of a worker is that of its process in the same time. The CPU of Redis is the server's, and includes the
start of the worker. The floor and fastify-tasks get more jobs than the others, so that their rounds are not too short:
what a worker costs once is no part of a job's cost.`

const commands = `\`\`\`sh
npm run bench                           # all parts and peers
npm run bench -- --quick                # some minutes
npm run bench -- --only processed,http  # some parts; for some peers: --peers ours,bee
npm run --silent bench -- --json        # one object: bars, tables, machine
npm run bench -- --write                # writes this page and its chart
npm run bench -- --prof /tmp/profiles   # CPU profiles of the processes
\`\`\``

export async function writePage (report: Report): Promise<void> {
  const docs = join(projectRoot(), 'docs', 'internals')
  await writeFile(join(docs, 'benchmarks.svg'), chart(TITLE, report.charts))
  await writeFile(join(docs, 'benchmarks.md'), page(report))
}

export function page (report: Report): string {
  const { bars, tables, leftOut } = report
  const missed = bars.filter(bar => !bar.met).length
  const sizeFlag = report.size === 'full' ? '' : ` --${report.size}`
  return `# Benchmarks

Written by \`npm run bench -- --write${sizeFlag}\`. Another machine gives other figures; ratios differ less.

![${TITLE}](benchmarks.svg)

## Bars

${bars.length - missed} of ${bars.length} are met. [performance.md](performance.md) explains the limits of the others.

${barTable(bars)}

## Figures

${tables.map(figures).join('\n')}
## How it is measured

${how}
${leftOut.map(text => `\nLeft out: ${text}\n`).join('')}
## Machine and versions

${machineTable(report.machine)}

## Commands

${commands}
`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

function markdown (rows: string[][]): string {
  const line = (row: string[]): string => `| ${row.map(cell).join(' | ')} |`
  const rule = `|${rows[0]!.map((_cell, column) => column === 0 ? '---' : '---:').join('|')}|`
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n')
}

function barTable (bars: Bar[]): string {
  const rows = bars.map(({ name, figure, bar, met }) => [name, bar, formatCell(figure), met ? 'met' : '**not met**'])
  return markdown([['Figure', 'Bar', 'This run', 'Result'], ...rows])
}

/** Names the first column, which has no title in the plain text. */
const titled = ([first, ...others]: string[]): string[] => [first || 'Case', ...others]

function figures ({ title, note, columns, rows }: Table): string {
  const cells = rows.map(row => row.map(formatCell))
  return `### ${title}\n\n${markdown([titled(columns), ...cells])}\n${note ? `\n${note}\n` : ''}`
}

function machineTable ({ cores, cpu, memory, system, loadBefore, versions }: Machine): string {
  const rows = [
    ['cores', String(cores)],
    ['CPU', cpu],
    ['memory', memory],
    ['system', system],
    ['load average before the run', String(loadBefore)],
    ...Object.entries(versions)
  ]
  return markdown([['Part', 'Value'], ...rows])
}
