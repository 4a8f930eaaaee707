/** The app under test: the plugin and the tasks, for producers and workers. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import plugin from '../lib/plugin.ts'
import type { LedgerWriter } from './ledger.ts'
import type { TaskContext, TasksOptions } from '../lib/types.ts'

export interface Work {
  /** Duration of an attempt in ms. */
  ms?: number
  /** Whether the handler continues when its signal is aborted. */
  ignoresAbort?: boolean
  /** Number of first attempts that fail. */
  fails?: number
  /** How each attempt ends its worker process: process.exit() or SIGKILL. */
  crash?: 'exit' | 'kill'
}

/** The option `redis`, as JSON can hold it: a URL, Sentinels, or the nodes of a cluster. */
export type RedisChoice =
  string |
  { sentinels: Array<{ host: string, port: number }>, name: string } |
  { cluster: Array<{ host: string, port: number }> }

export type TaskName = 'work' | 'side-work' | 'short-lived'

export const queues = ['chaos', 'side'] as const
export const stallInterval = 2_000
export const maxStalls = 2
export const redisTimeout = 2_000
/** The exit code of a worker after a poisonous task. */
export const CRASH_EXIT_CODE = 66

/** Records are kept for longer than a run, those of `short-lived` for longer than an enqueue may be repeated. */
const definitions: Record<TaskName, { queue: typeof queues[number], resultTtl: number }> = {
  work: { queue: 'chaos', resultTtl: 3_600_000 },
  'side-work': { queue: 'side', resultTtl: 3_600_000 },
  'short-lived': { queue: 'side', resultTtl: 20_000 }
}

/** @param ledger of a worker. A producer has none: its tasks have no handlers */
export async function registerTasks (
  fastify: FastifyInstance, redis: RedisChoice, ledger?: LedgerWriter, moreQueues: string[] = []
): Promise<void> {
  // With a short resultTtl, expired records are removed often.
  const resultTtl = 2_000
  const options: TasksOptions = {
    redis, queues: moreQueues, stallInterval, maxStalls, redisTimeout, resultTtl, routes: false
  }
  await fastify.register(plugin, options)
  const handler = ledger && ((data: Work, task: TaskContext) => ledger.record(task, () => perform(data, task)))
  for (const [name, options] of Object.entries(definitions)) fastify.tasks.define(name, options, handler)
}

async function perform ({ ms, ignoresAbort, fails = 0, crash }: Work, task: TaskContext): Promise<void> {
  if (crash === 'exit') process.exit(CRASH_EXIT_CODE)
  if (crash === 'kill') process.kill(process.pid, 'SIGKILL')
  if (ms !== undefined) await takeTime(ms, ignoresAbort ? undefined : task.signal, task)
  if (task.attempt <= fails) throw new Error(`attempt ${task.attempt} fails, as it should`)
}

async function takeTime (ms: number, signal: AbortSignal | undefined, task: TaskContext): Promise<void> {
  const steps = 4
  for (let step = 1; step <= steps; step++) {
    await sleep(ms / steps, undefined, { signal })
    // Not awaited: the handler's duration must not depend on Redis.
    void task.updateState('STEP', { step, steps })
  }
}
