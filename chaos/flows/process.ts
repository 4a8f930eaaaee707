/**
 * One process of a run. A "worker" is an app with a worker of both queues. A "producer" enqueues flows, cancels those
 * that are to be cancelled, and retries those that can be mended. Each may be killed at a step that has a name.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import tasks, { Unrecoverable } from '../../lib/plugin.ts'
import { KEEP_MS, planFlow, PREFIX, QUEUES, STALL_MS, type Work } from './plan.ts'
import { dieAt, type Death } from './steps.ts'
import type { RedisChoice } from '../tasks.ts'
import type { TaskContext } from '../../lib/types.ts'

export interface ProcessArguments {
  kind: 'worker' | 'producer'
  redis: RedisChoice
  dir: string
  name: string
  seed: number
  death: Death | null
  /** The flows that a producer enqueues, and those that it only looks after. */
  flows: { from: number, to: number, told: number[] }
  /** A producer waits so long between two flows, in ms. */
  pace: number
}

/** How many flows a producer enqueues at a time that nobody kills. */
const CALM_LANES = 8

const { kind, redis, dir, name, seed, death, flows, pace }: ProcessArguments = JSON.parse(process.argv[2]!)

/** In the kernel before anything else happens: a SIGKILL does not lose it. */
const write = (...words: Array<string | number>): void =>
  appendFileSync(join(dir, `${name}.ledger`), `${Date.now()} ${words.join(' ')}\n`)

if (death) {
  dieAt(death, () => {
    write('died', death.when, death.step)
    process.kill(process.pid, 'SIGKILL')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
}

async function handle (work: Work, task: TaskContext): Promise<number> {
  write('start', task.id)
  try {
    return await carryOut(work, task)
  } finally {
    write('over', task.id)
  }
}

async function carryOut ({ ms, fails, reads, adds = 0 }: Work, task: TaskContext): Promise<number> {
  const isFirst = !/-\d+$/.test(task.id.slice(task.id.indexOf('.')))
  for (let i = 0; i < adds; i++) await task.flow!.add(`more${i}`, signature({ ms: 0, fails: 'never' }))
  if (reads) await task.results()
  await sleep(ms, undefined, { signal: task.signal })
  if (fails === 'always' || (fails === 'first' && isFirst)) throw new Unrecoverable('as it should')
  write('end', task.id)
  return ms
}

const signature = (data: Work): any => ({ kind: 'signature', task: 'home', data, options: {} })

const app: FastifyInstance = Fastify()
await app.register(tasks, {
  redis,
  prefix: PREFIX,
  routes: false,
  stallInterval: STALL_MS,
  redisTimeout: 3_000,
  maxStalls: 100,
  worker: false
})
for (const queue of QUEUES) app.tasks.define(queue, { queue, resultTtl: KEEP_MS, retries: 0 }, handle as any)
await app.ready()

/** Until it is enqueued, or its process is killed. The id is the same each time: there is one flow. */
async function enqueue (i: number): Promise<void> {
  const { id, shape, options } = planFlow(seed, i)
  for (;;) {
    try {
      write('enqueue', i)
      await app.tasks.enqueueFlow(shape, options)
      write('told', i, id)
      return
    } catch (error: any) {
      // It is removed: its id is free in the end.
      if (error.code === 'FST_TASKS_FLOW_INCOMPLETE') write('incomplete', i)
      await sleep(200)
    }
  }
}

/** What its users do with a flow. */
async function lookAfter (i: number): Promise<void> {
  const { id, kind, cancelAfter } = planFlow(seed, i)
  if (kind !== 'cancelled' && kind !== 'mended' && kind !== 'removed') return
  if (kind === 'cancelled') await sleep(cancelAfter)
  for (;;) {
    const state = await app.tasks.status(id).then(record => record?.state ?? 'gone', () => 'unknown')
    if (state === 'succeeded' || state === 'cancelled' || state === 'gone') return
    if (kind === 'cancelled') await app.tasks.cancel(id).catch(() => {})
    if (kind === 'removed') {
      if (state === 'failed') return
      await app.tasks.remove(`${id}.0`).catch(() => {})
    }
    if (kind === 'mended' && state === 'failed') await app.tasks.retry(id).catch(() => {})
    await sleep(100)
  }
}

if (kind === 'worker') {
  await app.tasks.startWorker({ concurrency: 20 })
  console.log('ready')
} else {
  console.log('ready')
  for (const i of flows.told) void lookAfter(i)
  let next = flows.from
  const lane = async (): Promise<void> => {
    while (next < flows.to) {
      const i = next++
      await enqueue(i)
      void lookAfter(i)
      await sleep(pace)
    }
  }
  // One after the other while it may be killed: the next producer goes on behind the last flow that is told.
  await Promise.all(Array.from({ length: pace === 0 ? CALM_LANES : 1 }, lane))
  write('all told')
}
process.stdin.once('close', () => process.exit(1)).resume()
