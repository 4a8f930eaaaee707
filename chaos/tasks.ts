/** The app under test: what the producer and the workers register and define alike. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import plugin from '../lib/plugin.ts'
import type { LedgerWriter } from './ledger.ts'
import type { TaskContext, TasksOptions } from '../lib/types.ts'

export interface Work {
  /** How long an attempt takes. */
  ms?: number
  /** It goes on when its signal is aborted. */
  deaf?: boolean
  /** The first attempts fail, this many. */
  fails?: number
  /** Takes its worker with it, each time. */
  dies?: 'exit' | 'kill'
}

/** As JSON may carry it: a URL, Sentinels, or the nodes of a cluster. */
export type RedisChoice = string | { sentinels: Array<{ host: string, port: number }>, name: string } | { cluster: Array<{ host: string, port: number }> }

export type TaskName = 'work' | 'aside' | 'fleeting'

export const queues = ['chaos', 'side'] as const
export const stallInterval = 2_000
export const maxStalls = 2
export const redisTimeout = 2_000
/** What process.exit of a poisonous task gives. */
export const POISON = 66

/** Kept for longer than a run; the fleeting ones for longer than an enqueue is tried again. */
const definitions: Record<TaskName, { queue: typeof queues[number], resultTtl: number }> = {
  work: { queue: 'chaos', resultTtl: 3_600_000 },
  aside: { queue: 'side', resultTtl: 3_600_000 },
  fleeting: { queue: 'side', resultTtl: 20_000 }
}

export async function registerTasks (fastify: FastifyInstance, redis: RedisChoice, ledger?: LedgerWriter, more: string[] = []): Promise<void> {
  // A short resultTtl makes the reaper look often.
  const options: TasksOptions = { redis, queues: more, stallInterval, maxStalls, redisTimeout, resultTtl: 2_000, routes: false }
  await fastify.register(plugin, options)
  const handler = ledger && ((data: Work, task: TaskContext) => ledger.record(task, () => perform(data, task)))
  for (const [name, options] of Object.entries(definitions)) fastify.tasks.define(name, options, handler)
}

async function perform ({ ms, deaf, fails = 0, dies }: Work, task: TaskContext): Promise<void> {
  if (dies === 'exit') process.exit(POISON)
  if (dies === 'kill') process.kill(process.pid, 'SIGKILL')
  if (ms !== undefined) await takeTime(ms, deaf ? undefined : task.signal, task)
  if (task.attempt <= fails) throw new Error(`attempt ${task.attempt} fails, as it should`)
}

async function takeTime (ms: number, signal: AbortSignal | undefined, task: TaskContext): Promise<void> {
  const steps = 4
  for (let step = 1; step <= steps; step++) {
    await sleep(ms / steps, undefined, { signal })
    // Not waited for: it waits for Redis, and the handler has its own time.
    void task.updateState('STEP', { step, steps })
  }
}
