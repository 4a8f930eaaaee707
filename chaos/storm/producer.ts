/** A producer process: enqueues at an even pace, again with the same id where it was refused, and notes what was acknowledged. */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { registerTasks, type RedisChoice, type Work } from '../tasks.ts'
import type { EnqueueOptions, TaskHandle } from '../../lib/types.ts'

export interface ProducerArguments { redis: RedisChoice, dir: string, name: string, queues: string[], count: number, ms: number }

export interface Acknowledged { id: string, queue: string, at: number, refusals: number }

const SUFFIX = '.acknowledged'
/** Every so many go out as one enqueueMany, over all queues. */
const TOGETHER = 8

interface Order { data: Work, options: EnqueueOptions & { id: string, queue: string } }

function order (i: number, { name, queues }: ProducerArguments): Order {
  const options: Order['options'] = { id: `${name}-${i}`, queue: queues[i % queues.length]! }
  if (i % 11 === 0) options.delay = 1_500
  if (i % 7 === 0) Object.assign(options, { retries: 2, backoff: { strategy: 'fixed', delay: 200 } })
  return { options, data: { fails: i % 7 === 0 ? 1 : 0, ms: i % 13 === 0 ? 400 : 2 } }
}

async function produce (args: ProducerArguments): Promise<void> {
  const file = openSync(join(args.dir, args.name + SUFFIX), 'a')
  const app: FastifyInstance = Fastify()
  await registerTasks(app, args.redis, undefined, args.queues)
  await app.ready()
  const note = (handle: TaskHandle, refusals: number): void => { writeSync(file, `${handle.id} ${handle.queue} ${Date.now()} ${refusals}\n`) }
  const start = Date.now()
  const sent: Array<Promise<void>> = []
  for (let i = 0; i < args.count; i += TOGETHER) {
    await sleep(Math.max(0, start + i / args.count * args.ms - Date.now()))
    const orders = Array.from({ length: Math.min(TOGETHER, args.count - i) }, (_, n) => order(i + n, args))
    sent.push(...send(app, orders, i % (2 * TOGETHER) === 0, note).map(one => one.catch(error => { writeSync(file, `! ${error.code ?? ''} ${error.message.replaceAll('\n', ' ')}\n`) })))
  }
  await Promise.all(sent)
  await app.close()
}

/** Together, or one by one. */
function send (app: FastifyInstance, orders: Order[], together: boolean, note: (handle: TaskHandle, refusals: number) => void): Array<Promise<void>> {
  if (!together) return orders.map(({ data, options }) => insist(() => app.tasks.enqueue('work', data, options), note))
  return [insist(() => app.tasks.enqueueMany('work', orders.map(({ data, options }) => ({ data, ...options }))), (handles, refusals) => {
    for (const handle of handles) note(handle, refusals)
  })]
}

async function insist<T> (call: () => Promise<T>, done: (result: T, refusals: number) => void): Promise<void> {
  for (let refusals = 0; ; refusals++) {
    try {
      return done(await call(), refusals)
    } catch (error) {
      if ((error as { code?: string }).code !== 'FST_TASKS_REDIS_UNAVAILABLE') throw error
      await sleep(100)
    }
  }
}

/** What all producers noted, and how many did; lines of errors that no app has to expect. */
export function readAcknowledged (dir: string): { acknowledged: Acknowledged[], unexpected: string[], producing: number } {
  const files = readdirSync(dir).filter(name => name.endsWith(SUFFIX)).map(name => readFileSync(join(dir, name), 'utf8').split('\n').filter(line => line !== ''))
  const lines = files.flat()
  const acknowledged = lines.filter(line => !line.startsWith('!')).map(line => {
    const [id, queue, at, refusals] = line.split(' ') as [string, string, string, string]
    return { id, queue, at: Number(at), refusals: Number(refusals) }
  })
  return { acknowledged, unexpected: lines.filter(line => line.startsWith('!')), producing: files.filter(one => one.length > 0).length }
}

if (import.meta.filename === process.argv[1]) {
  process.stdin.on('end', () => process.exit(1)).resume() // whoever started it has gone
  await produce(JSON.parse(process.argv[2]!))
  process.exit()
}
