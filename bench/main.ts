/**
 * npm run bench: measures fastify-tasks and its peers on a private Redis, in one run, in interleaved rounds.
 * A missed bar is reported and is no failure. The exit status is 1 only if something broke.
 */
import { mkdir } from 'node:fs/promises'
import { Processes } from './processes.ts'
import { machine } from './machine.ts'
import { writePage } from './page.ts'
import { parts } from './parts/index.ts'
import { findCelery, HOW_TO_INSTALL } from './peers/celery.ts'
import { HelpRequested, makePlan, usage, type Plan } from './plan.ts'
import { BenchRedis } from './redis.ts'
import { plainText, type Report } from './report.ts'
import type { Size, BenchContext } from './context.ts'

/** Ms after which a run is aborted. */
const LIMITS: Record<Size, number> = { tiny: 300_000, quick: 900_000, full: 3_600_000 }

const start = Date.now()
const seconds = (): number => (Date.now() - start) / 1_000
/** Close functions of all that was opened. They run in reverse order. */
const closers: Array<() => Promise<unknown>> = []
let ending: Promise<never> | undefined

/** Progress goes to stderr, because stdout holds the figures. */
const log = (text: string): void => void process.stderr.write(`${seconds().toFixed(1).padStart(6)} s  ${text}\n`)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(1, signal))
// npm sends SIGTERM only to the shell between it and this process, and that shell does not pass it on.
const parent = process.ppid
setInterval(() => { if (process.ppid !== parent) void end(1, 'the parent process has exited') }, 500).unref()

await main().then(() => end(0), error => end(1, (error as Error).stack ?? String(error)))

async function main (): Promise<void> {
  const plan = planOrExit()
  setTimeout(() => void end(1, `not finished after ${LIMITS[plan.size] / 1_000} s`), LIMITS[plan.size]).unref()
  if (plan.profiles) await mkdir(plan.profiles, { recursive: true })
  const report = await run(plan)
  if (plan.write) await writePage(report)
  process.stdout.write(plan.json ? `${JSON.stringify(report)}\n` : plainText(report))
}

/** Prints the usage and exits if the arguments ask for it or are wrong. */
function planOrExit (): Plan {
  try {
    return makePlan(process.argv.slice(2))
  } catch (error) {
    if (error instanceof HelpRequested) {
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
  if (onMachine.loadBefore > onMachine.cores / 2) {
    log(`This machine is busy (load average ${onMachine.loadBefore}): figures are low, and ratios less reliable`)
  }
  const report: Report = {
    size, bars: [], tables: [], charts: [], machine: onMachine, leftOut: leftOut(plan, context), seconds: 0
  }
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
  closers.push(() => processes.end())
  const [redis, celery] = await Promise.all([BenchRedis.start(), plan.peers.includes('celery') ? findCelery() : null])
  closers.unshift(() => redis.stop())
  const peers = plan.peers.filter(peer => peer !== 'celery' || celery)
  return { redis, processes, size: plan.size, peers, celery, log, peerProcesses: new Map() }
}

/** The reasons why peers do not take part. */
function leftOut (plan: Plan, { celery }: BenchContext): string[] {
  if (celery || !plan.peers.includes('celery')) return []
  const why = `Celery is not installed: ${HOW_TO_INSTALL}`
  log(`left out: ${why}`)
  return [why]
}

function end (code: number, why?: string): Promise<never> {
  ending ??= (async () => {
    if (why) process.stderr.write(`bench: ${why}\n`)
    for (const close of closers.reverse()) await close().catch(error => process.stderr.write(`bench: ${error}\n`))
    process.exit(code)
  })()
  return ending
}
