/**
 * How often Redis has run a command since it started: what shows a busy spin.
 */
import type { Redis } from 'ioredis'

export async function commands (redis: Redis, name: string): Promise<number> {
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0)
}
