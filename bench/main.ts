/**
 * npm run bench: fastify-tasks beside its peers, on a private Redis, in one run and in turn. It reports; it judges nobody:
 * a bar that is missed is no failure, something that broke is.
 */
import { mkdir } from 'node:fs/promises'
import { Processes } from './processes.ts'
import { machine } from './machine.ts'
import { writePage } from './page.ts'
import { parts } from './parts/index.ts'
import { findCelery, HOW_TO_INSTALL } from './peers/celery.ts'
import { Help, makePlan, usage, type Plan } from './plan.ts'
import { BenchRedis } from './redis.ts'
import { plain, type Report } from './report.ts'
import type { Size, BenchContext } from './context.ts'

/** A run is given up after this long, in ms. */
const LIMITS: Record<Size, number> = { tiny: 120_000, quick: 300_000, full: 1_800_000 }

const start = Date.now()
const seconds = (): number => (Date.now() - start) / 1_000
/** What was opened, and how it is ended: the last one first. */
const ends: Array<() => Promise<unknown>> = []
let ending: Promise<never> | undefined

/** On stderr: stdout is for the figures. */
const say = (text: string): void => void process.stderr.write(`${seconds().toFixed(1).padStart(6)} s  ${text}\n`)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(1, signal))
// npm passes a SIGTERM to the shell between it and this process, which dies of it alone.
const parent = process.ppid
setInterval(() => { if (process.ppid !== parent) void end(1, 'whoever started it has gone') }, 500).unref()

await main().then(() => end(0), error => end(1, (error as Error).stack ?? String(error)))

async function main (): Promise<void> {
  const plan = planned()
  setTimeout(() => void end(1, `not over after ${LIMITS[plan.size] / 1_000} s`), LIMITS[plan.size]).unref()
  if (plan.profiles) await mkdir(plan.profiles, { recursive: true })
  const report = await run(plan)
  if (plan.write) await writePage(report)
  process.stdout.write(plan.json ? `${JSON.stringify(report)}\n` : plain(report))
}

function planned (): Plan {
  try {
    return makePlan(process.argv.slice(2))
  } catch (error) {
    if (error instanceof Help) {
      process.stdout.write(usage)
      process.exit(0)
    }
    process.stderr.write(`bench: ${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

async function run (plan: Plan): Promise<Report> {
  const context = await open(plan)
  const { redis, celery, size } = context
  const onMachine = machine({ Redis: await redis.version(), ...(celery && { Celery: celery.version }) })
  if (onMachine.loadBefore > onMachine.cores / 2) say(`This machine is busy (load average ${onMachine.loadBefore}): figures are low, and ratios less sure`)
  const report: Report = { size, bars: [], tables: [], charts: [], machine: onMachine, leftOut: leftOut(plan, context), seconds: 0 }
  for (const name of plan.parts) {
    const { tables, bars, charts = [] } = await parts[name](context)
    report.tables.push(...tables)
    report.bars.push(...bars)
    report.charts.push(...charts)
  }
  return { ...report, seconds: seconds() }
}

async function open (plan: Plan): Promise<BenchContext> {
  const processes = new Processes(plan.profiles)
  ends.push(() => processes.end())
  const [redis, celery] = await Promise.all([BenchRedis.start(), plan.peers.includes('celery') ? findCelery() : null])
  ends.unshift(() => redis.stop())
  const peers = plan.peers.filter(peer => peer !== 'celery' || celery)
  return { redis, processes, size: plan.size, peers, celery, say, peerProcesses: new Map() }
}

function leftOut (plan: Plan, { celery }: BenchContext): string[] {
  if (celery || !plan.peers.includes('celery')) return []
  const why = `Celery is not on this machine: ${HOW_TO_INSTALL}`
  say(`left out: ${why}`)
  return [why]
}

function end (code: number, why?: string): Promise<never> {
  ending ??= (async () => {
    if (why) process.stderr.write(`bench: ${why}\n`)
    for (const close of ends.reverse()) await close().catch(error => process.stderr.write(`bench: ${error}\n`))
    process.exit(code)
  })()
  return ending
}
