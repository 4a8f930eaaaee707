/** Runs producers and workers in processes of their own, injects faults meanwhile, and audits the result. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { allFinish } from '../all-finish.ts'
import { readAof } from '../aof.ts'
import { WorkerFleet } from '../worker-fleet.ts'
import { readLedgers } from '../ledger.ts'
import { Random } from '../random.ts'
import { registerTasks } from '../tasks.ts'
import { poll } from '../../scripts/poll.ts'
import { audit, type Evidence, type AuditResult } from './audit.ts'
import { Marks } from './marks.ts'
import { readAcknowledged, type ProducerArguments } from './producer.ts'
import type { Fault, ReplicatedServers } from './servers.ts'
import type { TaskRecord } from '../../lib/types.ts'

export interface Size {
  tasks: number
  producers: number
  workers: number
  /** Ms in which tasks are enqueued. The faults are spread over it. */
  ms: number
  /** Tasks that have not finished are stuck if none of them has in so many ms afterwards. */
  settleWithin: number
}

const START_TIMEOUT_MS = 60_000
const STATUS_TIMEOUT_MS = 20_000
const producerProgram = fileURLToPath(new URL('producer.js', import.meta.url))

/** @param dir an empty folder for the ledgers and logs */
export async function runWithFaults (
  servers: ReplicatedServers, size: Size, dir: string, log: (text: string) => void
): Promise<AuditResult> {
  const { redis, queues } = servers
  const fleet = new WorkerFleet(Array.from({ length: size.workers }, () => redis), dir, new Random(1), queues)
  const marks = new Marks(servers)
  const app: FastifyInstance = Fastify()
  const producers: ChildProcess[] = []
  try {
    await registerTasks(app, redis, undefined, queues)
    await app.ready()
    fleet.start()
    marks.start()
    const share = Math.ceil(size.tasks / size.producers)
    for (let i = 0; i < size.producers; i++) {
      producers.push(startProducer({ redis, dir, name: `p${i}`, queues, count: share, ms: size.ms }))
    }
    const exits = producers.map(producer => once(producer, 'exit'))
    const producing = async (): Promise<boolean> => readAcknowledged(dir).producing === size.producers
    await poll('all producers enqueue', START_TIMEOUT_MS, producing)
    const faults = await injectFaults(servers, size, log)
    await Promise.all(exits)
    log('all tasks are enqueued')
    const settled = await allFinish(() => unfinished(app), size.settleWithin)
    log(settled ? 'all tasks are finished' : 'not all tasks are finished')
    await marks.stop()
    const { acknowledged, unexpected } = readAcknowledged(dir)
    const records = await readRecords(app, acknowledged.map(({ id }) => id))
    await fleet.stop()
    const survivors = await servers.survivors()
    const evidence: Evidence = {
      acknowledged,
      unexpected,
      planned: share * size.producers,
      records,
      histories: survivors.map(server => readAof(server.dir)),
      executions: readLedgers(dir),
      marks: marks.list,
      faults,
      unplannedFailovers: await servers.unplannedFailovers()
    }
    return audit(evidence)
  } finally {
    for (const producer of producers) producer.kill('SIGKILL')
    fleet.kill()
    await marks.stop()
    await app.close()
  }
}

function startProducer (args: ProducerArguments): ChildProcess {
  const log = openSync(join(args.dir, `${args.name}.log`), 'a')
  const child = spawn(process.execPath, [producerProgram, JSON.stringify(args)], { stdio: ['pipe', log, log] })
  closeSync(log)
  child.stdin!.on('error', () => {})
  return child
}

/** Injects the faults, spread over the time in which tasks are enqueued. */
async function injectFaults (
  { faults }: ReplicatedServers, { ms }: Size, log: (text: string) => void
): Promise<Fault[]> {
  const start = Date.now()
  const injected: Fault[] = []
  for (const [i, fault] of faults.entries()) {
    await sleep(Math.max(0, start + (i + 1) / (faults.length + 1) * ms - Date.now()))
    const done = await fault()
    log(`${done.title}: ${done.to - done.from} ms`)
    injected.push(done)
  }
  return injected
}

async function unfinished (app: FastifyInstance): Promise<number> {
  const counts = Object.values(await app.tasks.counts())
  return counts.reduce((sum, { waiting, delayed, active }) => sum + waiting + delayed + active, 0)
}

/** Reads a few records at a time, because each read searches all queues. */
async function readRecords (app: FastifyInstance, ids: string[]): Promise<Map<string, TaskRecord<any> | null>> {
  const records = new Map<string, TaskRecord<any> | null>()
  for (let i = 0; i < ids.length; i += 50) {
    await Promise.all(ids.slice(i, i + 50).map(async id => records.set(id, await statusOf(app, id))))
  }
  return records
}

async function statusOf (app: FastifyInstance, id: string): Promise<TaskRecord<any> | null> {
  const read = async (): Promise<{ record: TaskRecord<any> | null }> => ({ record: await app.tasks.status<any>(id) })
  return (await poll(`a status of ${id}`, STATUS_TIMEOUT_MS, read)).record
}
