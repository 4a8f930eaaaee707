/** docs/internals/benchmarks.md and its chart, from a run. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../scripts/redis.ts'
import { chart } from './chart.ts'
import { show, type Report } from './report.ts'
import type { Bar } from './bars.ts'
import type { Machine } from './machine.ts'
import type { Table } from './context.ts'

const TITLE = 'Tasks processed a second, by concurrency'

const how = `Each peer has processes of its own: one that enqueues, one that works, and a private Redis. They run in
one run, in turn, with another peer first in each round, on an empty Redis each time. Figures are the median of the rounds.
Ratios are the median of the rounds' own ratios. Loggers are off. All carry the same data and return the same result of
100 bytes from a handler that does nothing.

- **floor**: bare ioredis: LPUSH, a blocking pop, one script that stores the result. No retries, no claims, no status.
- **fastify-tasks**: a real Fastify app with the plugin, and its defaults.
- **raw Bee-Queue**: its own redis 3 client, \`getEvents: false\`, \`storeJobs: false\`; it keeps no results. Without events
  (\`sendEvents: false\`) nobody learns of the end of a job: it is shown, but no bar is set against it.
- **BullMQ**: its defaults; finished jobs and their return values stay.
- **Celery**: Debian's packages, prefork, results in Redis. A pool of at most 10 processes: more made it slower.

Processed a second: from the first start to the last end of the tasks of a queue that was filled before. CPU of a worker is
that of its process in the same time; CPU of Redis is that of the server, the start of the worker included.`

const commands = `\`\`\`sh
npm run bench                           # all of it
npm run bench -- --quick                # under a minute
npm run bench -- --only processed,http  # some parts; --peers ours,bee for some peers
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
  return `# Benchmarks

Written by \`npm run bench -- --write${report.size === 'full' ? '' : ` --${report.size}`}\`; another machine has other figures, and similar ratios.

![${TITLE}](benchmarks.svg)

## Bars

${bars.length - missed} of ${bars.length} are met. [Performance](performance.md) says what limits the others.

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

const barTable = (bars: Bar[]): string =>
  markdown([['Figure', 'Bar', 'This run', 'Result'], ...bars.map(({ name, figure, bar, met }) => [name, bar, show(figure), met ? 'met' : '**not met**'])])

/** The first column names what was measured. */
const titled = ([first, ...others]: string[]): string[] => [first || 'Case', ...others]

const figures = ({ title, note, columns, rows }: Table): string =>
  `### ${title}\n\n${markdown([titled(columns), ...rows.map(row => row.map(show))])}\n${note ? `\n${note}\n` : ''}`

function machineTable ({ cores, cpu, memory, system, loadBefore, versions }: Machine): string {
  const rows = [['cores', String(cores)], ['CPU', cpu], ['memory', memory], ['system', system], ['load average before the run', String(loadBefore)], ...Object.entries(versions)]
  return markdown([['Part', 'Value'], ...rows])
}
