/**
 * Counts the scripts that Redis runs. A high count of an idle app shows a busy loop.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { check } from './checks.ts'

/** Duration of a check, and the number of script calls that are allowed meanwhile. */
const WATCH_MS = 30
const MAX_CALLS = 30

export async function scriptCalls (redis: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
}

/** Checks that an app without tasks runs hardly any scripts. */
export async function checkIdle (redis: Redis): Promise<void> {
  const before = await scriptCalls(redis)
  await sleep(WATCH_MS)
  const calls = await scriptCalls(redis) - before
  check(calls <= MAX_CALLS, `the idle app runs ${calls} scripts in ${WATCH_MS} ms`)
}
