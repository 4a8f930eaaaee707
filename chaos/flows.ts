/**
 * npm run chaos:flows -- [--quick] [--cluster] [--seed <number>]: flows of all shapes, across two queues, whose members
 * succeed, fail, are cancelled, removed, expire, are added, and are retried. Processes are killed before and after each
 * step of settling, delivery, enqueue, cancel, release and sweep, by its name. Redis is killed, stopped and cut off.
 * With --cluster the two queues are on two masters of a Redis Cluster, one of which is killed or stopped at a time.
 *
 * 0 stuck, 0 callbacks lost, 0 settled twice, 0 run twice without a fault, 0 keys left. What succeeded is not run again
 * by a retry, what was removed is not made again.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nameOf, PRODUCER_DEATHS, WORKER_DEATHS } from './flows/fleet.ts'
import { run } from './flows/run.ts'
import { clusterOfServers, oneServer } from './flows/servers.ts'
import type { Size } from './flows/plan.ts'
import { Random } from './random.ts'

const full: Size = { flows: 2_000, workers: 4, faults: 16, calmAfter: 130_000, limit: 150_000 }
const quick: Size = { flows: 120, workers: 3, faults: 3, calmAfter: 12_000, limit: 28_000 }

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1e6) }
  }
})
const seed = Number(values.seed)
const size = values.quick ? quick : full
const start = Date.now()
const log = (text: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`)
const failures: string[] = []

log(`seed ${values.seed}`)
const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-chaos-flows-'))
const servers = await (values.cluster ? clusterOfServers() : oneServer())
const { problems, flows, members, ends, again, deaths } = await run(servers, size, seed, dir, new Random(seed))
await servers.stop()
await rm(dir, { recursive: true, force: true })

log(`${flows} flows of ${members} members: ${Object.entries(ends).map(([end, count]) => `${count} ${end}`).join(', ')}`)
const killed = [...deaths.values()].reduce((sum, count) => sum + count, 0)
log(`${killed} processes killed at a step, ${again} members ran again`)
for (const [name, texts] of Object.entries(problems)) {
  log(`  ${texts.length} ${name} (must be 0)`)
  for (const text of texts.slice(0, 5)) console.log(`    ${text}`)
  if (texts.length > 0) failures.push(`${texts.length} ${name}`)
}
const steps = [...new Set([...WORKER_DEATHS, ...PRODUCER_DEATHS].map(nameOf))]
const never = steps.filter(name => !deaths.has(name))
const reached = steps.filter(name => deaths.has(name)).map(name => `${name} ${deaths.get(name)}`)
log(`  killed at ${reached.length} of ${steps.length} steps: ${reached.join(', ')}`)
log(`  never killed: ${never.length === 0 ? 'none' : never.join(', ')}`)
if (!values.quick && never.length > 0) failures.push(`never killed ${never.join(', ')}`)
if (flows < size.flows) failures.push(`only ${flows} flows of ${size.flows} enqueued`)
console.log(failures.length === 0 ? 'chaos:flows: passed' : `chaos:flows: failed: ${failures.join('; ')}`)
process.exit(failures.length === 0 ? 0 : 1)
