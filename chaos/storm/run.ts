/** One storm: producers and workers in processes of their own, faults in the middle, and the verdict. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { readAof } from '../aof.ts'
import { WorkerFleet } from '../worker-fleet.ts'
import { readLedgers } from '../ledger.ts'
import { Random } from '../random.ts'
import { registerTasks } from '../tasks.ts'
import { poll } from '../../scripts/poll.ts'
import { audit, type Evidence, type Verdict } from './audit.ts'
import { Marks } from './marks.ts'
import { readAcknowledged, type ProducerArguments } from './producer.ts'
import type { Fault, Stage } from './stages.ts'
import type { TaskRecord } from '../../lib/types.ts'

export interface Size {
  tasks: number
  producers: number
  workers: number
  /** For how long tasks are enqueued, with the faults spread over it, in ms. */
  ms: number
  /** How long all may take to settle afterwards, in ms. */
  settleWithin: number
}

const START_WITHIN = 60_000
const ANSWER_WITHIN = 20_000
const producerProgram = fileURLToPath(new URL('producer.js', import.meta.url))

/** @param dir for the ledgers and logs; empty */
export async function storm (stage: Stage, size: Size, dir: string, say: (text: string) => void): Promise<Verdict> {
  const crew = new WorkerFleet(Array.from({ length: size.workers }, () => stage.redis), dir, new Random(1), stage.queues)
  const marks = new Marks(stage)
  const app: FastifyInstance = Fastify()
  const producers: ChildProcess[] = []
  try {
    await registerTasks(app, stage.redis, undefined, stage.queues)
    await app.ready()
    crew.start()
    marks.start()
    const share = Math.ceil(size.tasks / size.producers)
    for (let i = 0; i < size.producers; i++) producers.push(startProducer({ redis: stage.redis, dir, name: `p${i}`, queues: stage.queues, count: share, ms: size.ms }))
    const exits = producers.map(one => once(one, 'exit'))
    await poll('all producers enqueue', START_WITHIN, async () => readAcknowledged(dir).producing === size.producers)
    const faults = await play(stage, size, say)
    await Promise.all(exits)
    say('all is enqueued')
    const settled = await poll('all settle', size.settleWithin, () => isIdle(app)).catch(() => false)
    say(settled ? 'all has settled' : 'not all has settled')
    await marks.stop()
    const { acknowledged, unexpected } = readAcknowledged(dir)
    const records = await readRecords(app, acknowledged.map(one => one.id))
    await crew.stop()
    const witnesses = await stage.witnesses()
    const evidence: Evidence = { acknowledged, unexpected, ordered: share * size.producers, records, histories: witnesses.map(one => readAof(one.dir)), executions: readLedgers(dir), marks: marks.list, faults, needless: await stage.needless() }
    return audit(evidence)
  } finally {
    for (const producer of producers) producer.kill('SIGKILL')
    crew.kill()
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

/** Spread over the time in which tasks are enqueued. */
async function play ({ faults }: Stage, { ms }: Size, say: (text: string) => void): Promise<Fault[]> {
  const start = Date.now()
  const played: Fault[] = []
  for (const [i, fault] of faults.entries()) {
    await sleep(Math.max(0, start + (i + 1) / (faults.length + 1) * ms - Date.now()))
    const done = await fault()
    say(`${done.what}: ${done.to - done.from} ms`)
    played.push(done)
  }
  return played
}

async function isIdle (app: FastifyInstance): Promise<boolean> {
  return Object.values(await app.tasks.counts()).every(({ waiting, delayed, active }) => waiting + delayed + active === 0)
}

/** A few at a time: each is looked for in every queue. */
async function readRecords (app: FastifyInstance, ids: string[]): Promise<Map<string, TaskRecord<any> | null>> {
  const records = new Map<string, TaskRecord<any> | null>()
  for (let i = 0; i < ids.length; i += 50) {
    await Promise.all(ids.slice(i, i + 50).map(async id => records.set(id, await statusOf(app, id))))
  }
  return records
}

async function statusOf (app: FastifyInstance, id: string): Promise<TaskRecord<any> | null> {
  const found = await poll(`a status of ${id}`, ANSWER_WITHIN, async () => ({ record: await app.tasks.status<any>(id) }))
  return found.record
}
