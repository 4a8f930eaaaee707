/**
 * npm run bench: fastify-tasks beside its peers, on a private Redis, in one run and in turn. It reports; it judges nobody:
 * a bar that is missed is no failure, something that broke is.
 */
import { mkdir } from 'node:fs/promises'
import { Cast } from './cast.ts'
import { parts } from './parts/index.ts'
import { makePlan, usage, type Plan } from './plan.ts'
import { BenchRedis } from './redis.ts'
import { plainBars, plainTable } from './report.ts'
import type { Outcome, Stage } from './stage.ts'

const LIMIT = { quick: 120_000, full: 900_000 }

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
  const limit = plan.quick ? LIMIT.quick : LIMIT.full
  setTimeout(() => void end(1, `not over after ${limit / 1_000} s`), limit).unref()
  if (plan.profiles) await mkdir(plan.profiles, { recursive: true })
  const outcome = await run(plan)
  if (plan.json) process.stdout.write(`${JSON.stringify({ quick: plan.quick, bars: outcome.bars, tables: outcome.tables })}\n`)
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
  const stage: Stage = { redis, cast, quick: plan.quick, peers: plan.peers, say }
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
