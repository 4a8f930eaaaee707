/**
 * A producer process: enqueues at an even pace, repeats refused calls with the same id, and logs acknowledged tasks.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { registerTasks, type RedisChoice, type Work } from '../tasks.ts'
import type { EnqueueOptions, TaskHandle } from '../../lib/types.ts'

export interface ProducerArguments {
  redis: RedisChoice
  dir: string
  name: string
  queues: string[]
  count: number
  ms: number
}

export interface Acknowledged { id: string, queue: string, at: number, refusals: number }

const SUFFIX = '.acknowledged'
/** Number of tasks that are sent at the same time, over all queues: every other batch in one enqueueMany. */
const BATCH = 8

interface PlannedTask { data: Work, options: EnqueueOptions & { id: string, queue: string } }

function planTask (i: number, { name, queues }: ProducerArguments): PlannedTask {
  const options: PlannedTask['options'] = { id: `${name}-${i}`, queue: queues[i % queues.length]! }
  if (i % 11 === 0) options.delay = 1_500
  if (i % 7 === 0) Object.assign(options, { retries: 2, backoff: { strategy: 'fixed', delay: 200 } })
  return { options, data: { fails: i % 7 === 0 ? 1 : 0, ms: i % 13 === 0 ? 400 : 2 } }
}

async function produce (args: ProducerArguments): Promise<void> {
  const file = openSync(join(args.dir, args.name + SUFFIX), 'a')
  const app: FastifyInstance = Fastify()
  await registerTasks(app, args.redis, undefined, args.queues)
  await app.ready()
  const write = (line: string): void => { writeSync(file, `${line}\n`) }
  const acknowledge = (handle: TaskHandle, refusals: number): void =>
    write(`${handle.id} ${handle.queue} ${Date.now()} ${refusals}`)
  const fail = (error: Error & { code?: string }): void =>
    write(`! ${error.code ?? ''} ${error.message.replaceAll('\n', ' ')}`)
  const start = Date.now()
  const sent: Array<Promise<void>> = []
  for (let i = 0; i < args.count; i += BATCH) {
    await sleep(Math.max(0, start + i / args.count * args.ms - Date.now()))
    const tasks = Array.from({ length: Math.min(BATCH, args.count - i) }, (_, n) => planTask(i + n, args))
    sent.push(...send(app, tasks, i % (2 * BATCH) === 0, acknowledge).map(sending => sending.catch(fail)))
  }
  await Promise.all(sent)
  await app.close()
}

/** Sends in one enqueueMany, or one by one. */
function send (
  app: FastifyInstance,
  tasks: PlannedTask[],
  inOneCall: boolean,
  acknowledge: (handle: TaskHandle, refusals: number) => void
): Array<Promise<void>> {
  if (!inOneCall) {
    return tasks.map(({ data, options }) =>
      retryUntilAvailable(() => app.tasks.enqueue('work', data, options), acknowledge))
  }
  const items = tasks.map(({ data, options }) => ({ data, ...options }))
  return [retryUntilAvailable(() => app.tasks.enqueueMany('work', items), (handles, refusals) => {
    for (const handle of handles) acknowledge(handle, refusals)
  })]
}

/** Repeats a call while Redis is unavailable. */
async function retryUntilAvailable<T> (
  call: () => Promise<T>, done: (result: T, refusals: number) => void
): Promise<void> {
  for (let refusals = 0; ; refusals++) {
    try {
      return done(await call(), refusals)
    } catch (error) {
      if ((error as { code?: string }).code !== 'FST_TASKS_REDIS_UNAVAILABLE') throw error
      await sleep(100)
    }
  }
}

/** @property unexpected the lines of errors @property producing the number of producers that wrote a line */
interface Log { acknowledged: Acknowledged[], unexpected: string[], producing: number }

/** Reads the files of all producers. */
export function readAcknowledged (dir: string): Log {
  const files = readdirSync(dir)
    .filter(name => name.endsWith(SUFFIX))
    .map(name => readFileSync(join(dir, name), 'utf8').split('\n').filter(line => line !== ''))
  const lines = files.flat()
  const acknowledged = lines.filter(line => !line.startsWith('!')).map(line => {
    const [id, queue, at, refusals] = line.split(' ') as [string, string, string, string]
    return { id, queue, at: Number(at), refusals: Number(refusals) }
  })
  const unexpected = lines.filter(line => line.startsWith('!'))
  return { acknowledged, unexpected, producing: files.filter(file => file.length > 0).length }
}

if (import.meta.filename === process.argv[1]) {
  process.stdin.on('end', () => process.exit(1)).resume() // the parent has exited
  await produce(JSON.parse(process.argv[2]!))
  process.exit()
}
