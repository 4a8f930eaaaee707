/**
 * How often Redis has run scripts: what shows a busy spin.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { must } from './checks.ts'

/** How long it is watched, in ms, and how many scripts may run meanwhile. */
const WATCHED = 30
const MOST = 30

export async function scripts (redis: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
}

/** With nothing to do, next to nothing is done. */
export async function mustNotSpin (redis: Redis): Promise<void> {
  const before = await scripts(redis)
  await sleep(WATCHED)
  const ran = await scripts(redis) - before
  must(ran <= MOST, `with nothing to do it runs ${ran} scripts in ${WATCHED} ms`)
}
