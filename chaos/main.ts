/**
 * npm run chaos -- [--quick] [--seed <number>] [--keep]: nothing is lost, and nothing is settled twice, whatever fails. Real
 * workers, a real Redis, a proxy in between; everything on loopback.
 */
import { setMaxListeners } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { startRedis, type RunningRedis } from '../scripts/redis.ts'
import { readAof } from './aof.ts'
import { audit } from './audit.ts'
import { WorkerFleet } from './worker-fleet.ts'
import { RedisProbe, until } from './redis-probe.ts'
import { Faults } from './faults.ts'
import { readLedgers } from './ledger.ts'
import { makePlan, type Plan } from './plan.ts'
import { Producer } from './producer.ts'
import { Link } from './proxy.ts'
import { Random } from './random.ts'
import { recovery } from './recovery.ts'
import { report } from './report.ts'
import { registerTasks, stallInterval } from './tasks.ts'
import type { TaskRecord } from '../lib/types.ts'

class Interrupted extends Error {}

const plan = makePlan(process.argv.slice(2))
const { size } = plan
const start = Date.now()
const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-chaos-'))
const over = new AbortController()
setMaxListeners(0, over.signal)
/** What was opened, and how it is ended: the last one first. */
const ends: Array<() => unknown> = []
const say = (text: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`)

const timer = setTimeout(() => over.abort(new Error(`not over after ${size.limit / 1000} s`)), size.limit)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => over.abort(new Interrupted(signal)))

const failures = await run(plan).catch(error => [over.signal.aborted ? (over.signal.reason as Error).message : (error as Error).stack ?? String(error)])
clearTimeout(timer)
over.abort()
for (const end of ends.reverse()) await end()
if (!plan.keep && (failures.length === 0 || over.signal.reason instanceof Interrupted)) await rm(dir, { recursive: true, force: true })
else console.log(`the ledgers, the workers' logs and Redis' file are in ${dir}`)
console.log(failures.length === 0 ? 'chaos: passed' : `chaos: failed: ${failures.join('; ')}`)
process.exit(failures.length === 0 ? 0 : 1)

async function run ({ seed, orders }: Plan): Promise<string[]> {
  say(`seed ${seed}: ${orders.length} tasks, ${size.workers} workers`)
  const random = new Random(seed + 1)
  const redis = await openRedis()
  const direct = new RedisProbe(redis.port)
  ends.push(() => direct.close())
  await direct.listen()
  const links = await Promise.all(Array.from({ length: size.workers + 1 }, () => openLink(redis.port)))
  const producerLink = links.pop()!
  const crew = new WorkerFleet(links.map(link => link.url), dir, new Random(seed + 2))
  ends.push(() => crew.kill())
  crew.start()
  const fastify = await openProducer(producerLink)
  const producer = new Producer(fastify, orders, new Random(seed + 3), over.signal)
  const faults = new Faults({ redis, direct, crew, links, producerLink }, size, random)

  await bounded(Promise.all([producer.run(), faults.play(over.signal)]))
  say('all is enqueued, and the faults are over')
  const settled = await until(async () => await direct.open() === 0, size.settleWithin, over.signal)
  say(settled ? 'all has settled' : 'not all has settled')
  const records = await readRecords(fastify, producer)
  const { leftOver } = await cleanUp(direct, crew, fastify)
  say('all has been removed')

  await writeFile(join(dir, 'timeline.json'), JSON.stringify({ faults: faults.log, lives: crew.processRuns }, null, 1))
  const executions = readLedgers(dir)
  const evidence = { entries: producer.entries, records, histories: readAof(dir), executions, lives: crew.processRuns, faults: faults.log }
  return report({
    producer,
    audit: audit(evidence),
    recovery: recovery(faults.log, direct.settledAt, crew.processRuns, executions),
    lives: crew.processRuns,
    faults: faults.log,
    leftOver,
    seconds: (Date.now() - start) / 1000
  })
}

/** Ends with the run, whatever `work` still waits for. */
async function bounded<T> (work: Promise<T>): Promise<T> {
  over.signal.throwIfAborted()
  return await Promise.race([work, new Promise<never>((_resolve, reject) => over.signal.addEventListener('abort', () => reject(over.signal.reason)))])
}

async function openRedis (): Promise<RunningRedis> {
  const redis = await startRedis({ dir, aof: true, config: ['--auto-aof-rewrite-percentage', '0'] })
  ends.push(() => redis.stop())
  return redis
}

async function openLink (port: number): Promise<Link> {
  const link = await Link.open(port)
  ends.push(() => link.close())
  return link
}

async function openProducer (link: Link): Promise<FastifyInstance> {
  const fastify = Fastify()
  await registerTasks(fastify, link.url)
  await fastify.ready()
  return fastify
}

async function readRecords (fastify: FastifyInstance, { entries }: Producer): Promise<Map<string, TaskRecord<any> | null>> {
  const records = new Map<string, TaskRecord<any> | null>()
  const ids = entries.flatMap(entry => entry.acknowledgedAt === null ? [] : entry.id!)
  while (ids.length > 0) {
    over.signal.throwIfAborted()
    await Promise.all(ids.splice(0, 200).map(async id => records.set(id, await fastify.tasks.status(id))))
  }
  return records
}

/** Once the time of every record has passed and every worker has gone, nothing may be left in Redis. */
async function cleanUp (direct: RedisProbe, crew: WorkerFleet, fastify: FastifyInstance): Promise<{ leftOver: string[] }> {
  await direct.expireAll()
  await until(async () => await direct.records() === 0, 8_000, over.signal)
  await bounded(crew.stop())
  await bounded(fastify.close())
  // stallInterval and stallBlock go by themselves, and what a killed worker told of itself, after 15 s.
  await until(async () => (await direct.keys()).length === 0, Math.max(2 * stallInterval, 15_000) + 1_000, over.signal)
  return { leftOver: await Promise.all((await direct.keys()).map(key => direct.show(key))) }
}
