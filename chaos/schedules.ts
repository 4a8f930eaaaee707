/**
 * npm run chaos:schedules -- [--quick] [--seed <number>]: many processes fire the ticks of the same schedules, many at
 * one time, while they are killed and their clocks are stepped. Redis is killed and restarted (appendfsync always).
 * Then masters are killed, and a replica takes over.
 *
 * 0 doubled, 0 unaccounted, 0 lost, among ticks that are known to be on the replicas. Others are counted apart: Redis
 * replicates after it answers.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Marks } from './failover/marks.ts'
import { sentinelServers, type Fault } from './failover/servers.ts'
import { Random } from './random.ts'
import { race } from './schedules/race.ts'
import { run, type RunResult } from './schedules/run.ts'
import { startRedis } from '../scripts/redis.ts'
import type { Size } from './schedules/plan.ts'

interface Plan { races: number, restarts: number, one: Size, failovers: number, replicated: Size }

const full: Plan = {
  races: 200,
  restarts: 6,
  one: { schedules: 40, tickers: 46, workers: 4, ticks: 10_000, limit: 120_000 },
  failovers: 2,
  replicated: { schedules: 20, tickers: 6, workers: 2, ticks: 1_500, limit: 40_000 }
}
const quick: Plan = {
  races: 20,
  restarts: 2,
  one: { schedules: 40, tickers: 4, workers: 2, ticks: 1_000, limit: 14_000 },
  failovers: 1,
  replicated: { schedules: 20, tickers: 2, workers: 1, ticks: 400, limit: 14_000 }
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, seed: { type: 'string', default: String(Date.now() % 1e6) } }
})
const plan = values.quick ? quick : full
const random = new Random(Number(values.seed))
const start = Date.now()
const log = (text: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`)
const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-chaos-schedules-'))
const failures: string[] = []

log(`seed ${values.seed}`)
await runOnOne()
for (let i = 1; i <= plan.failovers; i++) await runReplicated(i)
await rm(dir, { recursive: true, force: true })
console.log(failures.length === 0 ? 'chaos:schedules: passed' : `chaos:schedules: failed: ${failures.join('; ')}`)
process.exit(failures.length === 0 ? 0 : 1)

async function runOnOne (): Promise<void> {
  const redis = await startRedis({ aof: true })
  const { rounds, contenders, doubled, undecided } = await race(redis.url, plan.races, 50, random)
  log(`${contenders} connections at one tick, ${rounds} times: ${doubled} doubled, ${undecided} undecided (must be 0)`)
  if (doubled + undecided > 0) failures.push(`${doubled} doubled and ${undecided} undecided at one tick`)
  const restart = async (i: number): Promise<Fault> => {
    const from = Date.now()
    if (i % 2 === 0) await redis.kill()
    await redis.restart()
    return { title: 'restart', killed: [], from, to: Date.now() }
  }
  const faults = Array.from({ length: plan.restarts }, (_, i) => () => restart(i))
  const servers = { redis: redis.url, url: async () => redis.url, faults }
  const result = await run(servers, plan.one, await folder('one'), random)
  await redis.stop()
  report(`Redis restarted ${plan.restarts} times`, plan.one, result)
}

async function runReplicated (i: number): Promise<void> {
  const servers = await sentinelServers()
  const url = async (): Promise<string> => (await servers.masterOf('chaos')).url
  const { redis, faults } = servers
  const marks = new Marks(servers)
  const result = await run({ redis, url, faults, marks }, plan.replicated, await folder(`replicated-${i}`), random)
  const unplanned = await servers.unplannedFailovers()
  if (unplanned > 0) failures.push(`${unplanned} masters were replaced without a kill`)
  await servers.stop()
  report('a master was killed, and replaced', plan.replicated, result)
}

async function folder (name: string): Promise<string> {
  await mkdir(join(dir, name))
  return join(dir, name)
}

function report (what: string, { tickers, workers, ticks }: Size, result: RunResult): void {
  const { problems, atRisk, firedAgain, lostWithTheMaster, killed, stepped, enough } = result
  log(`${what}: ${tickers + workers} processes, ${killed} killed, ${stepped} steps of their clocks`)
  log(`  ${result.ticks} ticks: ${result.fired} fired, ${result.skipped} skipped, ${result.missed} missed`)
  for (const [name, texts] of Object.entries(problems)) {
    log(`  ${texts.length} ${name} (must be 0)`)
    for (const text of texts.slice(0, 5)) console.log(`    ${text}`)
    if (texts.length > 0) failures.push(`${texts.length} ${name}`)
  }
  log(`  apart, not known to be on a replica: ${atRisk}; ${firedAgain} fired again, ${lostWithTheMaster} lost`)
  if (!enough) failures.push(`only ${result.ticks} ticks of ${ticks}, or not all faults`)
}
