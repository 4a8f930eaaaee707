/**
 * npm run chaos -- [--quick] [--seed <number>] [--keep]: checks that no task is lost and no task is settled twice,
 * whatever fails. It uses real worker processes, a real Redis, and a proxy between each process and Redis, all on
 * loopback.
 */
import { setMaxListeners } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { startRedis, type RunningRedis } from '../scripts/redis.ts'
import { allFinish } from './all-finish.ts'
import { readAof } from './aof.ts'
import { audit } from './audit.ts'
import { WorkerFleet } from './worker-fleet.ts'
import { RedisProbe, waitUntil } from './redis-probe.ts'
import { Faults } from './faults.ts'
import { readLedgers } from './ledger.ts'
import { makePlan, type Plan } from './plan.ts'
import { Producer } from './producer.ts'
import { TcpProxy } from './proxy.ts'
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
/** Aborted when the run ends: by its time limit, by a signal, or because it is finished. */
const ending = new AbortController()
setMaxListeners(0, ending.signal)
/** Close functions of all that was opened. They run in reverse order. */
const closers: Array<() => unknown> = []
const log = (text: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`)

const timer = setTimeout(() => ending.abort(new Error(`not finished after ${size.limit / 1000} s`)), size.limit)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => ending.abort(new Interrupted(signal)))
}

const failures = await run(plan).catch(error =>
  [ending.signal.aborted ? (ending.signal.reason as Error).message : (error as Error).stack ?? String(error)])
clearTimeout(timer)
ending.abort()
for (const close of closers.reverse()) await close()
const interrupted = ending.signal.reason instanceof Interrupted
if (!plan.keep && (failures.length === 0 || interrupted)) await rm(dir, { recursive: true, force: true })
else console.log(`the ledgers, the workers' logs and Redis' append-only file are in ${dir}`)
console.log(failures.length === 0 ? 'chaos: passed' : `chaos: failed: ${failures.join('; ')}`)
process.exit(failures.length === 0 ? 0 : 1)

async function run ({ seed, plannedTasks }: Plan): Promise<string[]> {
  log(`seed ${seed}: ${plannedTasks.length} tasks, ${size.workers} workers`)
  const random = new Random(seed + 1)
  const redis = await openRedis()
  const probe = new RedisProbe(redis.port)
  closers.push(() => probe.close())
  await probe.listen()
  const proxies = await Promise.all(Array.from({ length: size.workers + 1 }, () => openProxy(redis.port)))
  const producerProxy = proxies.pop()!
  const fleet = new WorkerFleet(proxies.map(proxy => proxy.url), dir, new Random(seed + 2))
  closers.push(() => fleet.kill())
  fleet.start()
  const fastify = await openProducer(producerProxy)
  const producer = new Producer(fastify, plannedTasks, new Random(seed + 3), ending.signal)
  const faults = new Faults({ redis, probe, fleet, proxies, producerProxy }, size, random)

  await untilEnding(Promise.all([producer.run(), faults.run(ending.signal)]))
  log('all tasks are enqueued, and the faults are over')
  const settled = await untilEnding(allFinish(() => probe.unfinished(), size.settleWithin))
  log(settled ? 'all tasks are finished' : 'not all tasks are finished')
  const records = await readRecords(fastify, producer)
  const { leftOver } = await cleanUp(probe, fleet, fastify)
  log('cleaned up')

  const { processRuns } = fleet
  await writeFile(join(dir, 'timeline.json'), JSON.stringify({ faults: faults.log, processRuns }, null, 1))
  const executions = readLedgers(dir)
  const { entries } = producer
  const evidence = { entries, records, histories: readAof(dir), executions, processRuns, faults: faults.log }
  return report({
    producer,
    audit: audit(evidence),
    recovery: recovery(faults.log, probe.settledAt, processRuns, executions),
    processRuns,
    faults: faults.log,
    leftOver,
    seconds: (Date.now() - start) / 1000
  })
}

/** Resolves with the work, or rejects when the run ends, even if the work is still pending. */
async function untilEnding<T> (work: Promise<T>): Promise<T> {
  const { signal } = ending
  signal.throwIfAborted()
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
  return await Promise.race([work, aborted])
}

async function openRedis (): Promise<RunningRedis> {
  const redis = await startRedis({ dir, aof: true, config: ['--auto-aof-rewrite-percentage', '0'] })
  closers.push(() => redis.stop())
  return redis
}

async function openProxy (port: number): Promise<TcpProxy> {
  const proxy = await TcpProxy.open(port)
  closers.push(() => proxy.close())
  return proxy
}

async function openProducer (proxy: TcpProxy): Promise<FastifyInstance> {
  const fastify = Fastify()
  await registerTasks(fastify, proxy.url)
  await fastify.ready()
  return fastify
}

async function readRecords (
  fastify: FastifyInstance, { entries }: Producer
): Promise<Map<string, TaskRecord<any> | null>> {
  const records = new Map<string, TaskRecord<any> | null>()
  const ids = entries.flatMap(entry => entry.acknowledgedAt === null ? [] : entry.id!)
  while (ids.length > 0) {
    ending.signal.throwIfAborted()
    await Promise.all(ids.splice(0, 200).map(async id => records.set(id, await fastify.tasks.status(id))))
  }
  return records
}

/** Expires all records and stops all workers. Returns the keys that remain in Redis: none should. */
async function cleanUp (
  probe: RedisProbe, fleet: WorkerFleet, fastify: FastifyInstance
): Promise<{ leftOver: string[] }> {
  await probe.expireAll()
  await waitUntil(async () => await probe.recordCount() === 0, 8_000, ending.signal)
  await untilEnding(fleet.stop())
  await untilEnding(fastify.close())
  // stallInterval and stallBlock expire, and so does a killed worker's info, after 15 s.
  const expiry = Math.max(2 * stallInterval, 15_000) + 1_000
  await waitUntil(async () => (await probe.lastingKeys()).length === 0, expiry, ending.signal)
  return { leftOver: await Promise.all((await probe.lastingKeys()).map(key => probe.describeKey(key))) }
}
