/**
 * npm run chaos:limits -- [--quick] [--seed <number>]: tasks of many keys, each with a limit or a rate over all
 * workers, of which some run in order, some fail once, and some are delayed. Workers are killed before and after each call that
 * moves such tasks, by its name. Redis is killed, stopped and cut off.
 *
 * 0 over the limit at any time, 0 over the rate in any window, 0 out of order, 0 tasks that do not end, 0 slots leaked.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { run } from './limits/run.ts'
import { DEATHS, deathName } from './limits/steps.ts'
import { Random } from './random.ts'
import { startRedis } from '../scripts/redis.ts'
import type { Size } from './limits/plan.ts'

const full: Size = { tasks: 10_000, keys: 50, workers: 8, faults: 12, calmAfter: 120_000, limit: 90_000 }
const quick: Size = { tasks: 800, keys: 20, workers: 3, faults: 3, calmAfter: 10_000, limit: 30_000 }

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, seed: { type: 'string', default: String(Date.now() % 1e6) } }
})
const seed = Number(values.seed)
const size = values.quick ? quick : full
const failures: string[] = []

console.log(`seed ${values.seed}`)
const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-chaos-limits-'))
const redis = await startRedis({ aof: true, config: ['--auto-aof-rewrite-percentage', '0'] })
const { problems, most, succeeded, deaths, started, seconds } = await run(redis, size, seed, dir, new Random(seed))
await redis.stop()
await rm(dir, { recursive: true, force: true })

console.log(`${succeeded} tasks in ${seconds.toFixed(1)} s, ${started} processes, at most ${most} of a key at once`)
for (const [name, texts] of Object.entries(problems)) {
  console.log(`  ${texts.length} ${name} (must be 0)`)
  for (const text of texts.slice(0, 5)) console.log(`    ${text}`)
  if (texts.length > 0) failures.push(`${texts.length} ${name}`)
}
const never = DEATHS.map(deathName).filter(name => !deaths.includes(name))
console.log(`  ${deaths.length} killed at a step, never at: ${never.length === 0 ? 'none' : never.join(', ')}`)
if (most < 2) failures.push('no key had two tasks at once: the limit was never reached')
console.log(failures.length === 0 ? 'chaos:limits: passed' : `chaos:limits: failed: ${failures.join('; ')}`)
process.exit(failures.length === 0 ? 0 : 1)
