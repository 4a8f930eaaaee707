/**
 * npm run bench: fastify-tasks beside its peers, on a private Redis, in one run and in turn. It reports; it judges nobody:
 * a bar that is missed is no failure, something that broke is.
 */
import { mkdir } from 'node:fs/promises'
import { Cast } from './cast.ts'
import { findCelery, HOW_TO_INSTALL } from './peers/celery.ts'
import { parts } from './parts/index.ts'
import { makePlan, usage, type Plan } from './plan.ts'
import { BenchRedis } from './redis.ts'
import { plainBars, plainTable } from './report.ts'
import type { Outcome, Size, Stage } from './stage.ts'

/** A run is given up after this long, in ms. */
const LIMITS: Record<Size, number> = { tiny: 120_000, quick: 300_000, full: 1_800_000 }

const start = Date.now()
/** What was opened, and how it is ended: the last one first. */
const ends: Array<() => Promise<unknown>> = []
let ending: Promise<never> | undefined

/** On stderr: stdout is for the figures. */
const say = (text: string): void => void process.stderr.write(`${((Date.now() - start) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(1, signal))

await main().then(() => end(0), error => end(1, (error as Error).stack ?? String(error)))

async function main (): Promise<void> {
  const plan = planned()
  const limit = LIMITS[plan.size]
  setTimeout(() => void end(1, `not over after ${limit / 1_000} s`), limit).unref()
  if (plan.profiles) await mkdir(plan.profiles, { recursive: true })
  const outcome = await run(plan)
  if (plan.json) process.stdout.write(`${JSON.stringify({ size: plan.size, bars: outcome.bars, tables: outcome.tables })}\n`)
  else process.stdout.write([...outcome.tables.map(plainTable), plainBars(outcome.bars)].join('\n') + '\n')
}

function planned (): Plan {
  try {
    return makePlan(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

async function run (plan: Plan): Promise<Outcome> {
  const redis = await BenchRedis.start()
  ends.push(() => redis.stop())
  const cast = new Cast(plan.profiles)
  ends.push(() => cast.end())
  const celery = await findCelery()
  if (!celery && plan.peers.includes('celery')) say(`Celery is left out: it is not here. ${HOW_TO_INSTALL}`)
  const peers = plan.peers.filter(peer => peer !== 'celery' || celery)
  const stage: Stage = { redis, cast, size: plan.size, peers, celery, say, actors: new Map() }
  const whole: Outcome = { tables: [], bars: [] }
  for (const name of plan.parts) {
    const { tables, bars } = await parts[name](stage)
    whole.tables.push(...tables)
    whole.bars.push(...bars)
  }
  return whole
}

function end (code: number, why?: string): Promise<never> {
  ending ??= (async () => {
    if (why) process.stderr.write(`bench: ${why}\n`)
    for (const close of ends.reverse()) await close().catch(error => process.stderr.write(`bench: ${error}\n`))
    process.exit(code)
  })()
  return ending
}
