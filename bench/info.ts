/** What Redis says of itself. */
import type { Redis } from 'ioredis'

/** CPU of its main thread until now, in ms. */
export async function mainThreadCpu (redis: Redis): Promise<number> {
  const text = await redis.info('cpu')
  // A system that does not count threads separately gives only the CPU of the whole process.
  const field = (name: string): RegExpExecArray | null => new RegExp(`used_cpu_${name}:(.*)`).exec(text)
  const seconds = (name: string): number => Number((field(`${name}_main_thread`) ?? field(name))![1])
  return (seconds('user') + seconds('sys')) * 1_000
}

export async function redisVersion (redis: Redis): Promise<string> {
  return /redis_version:(\S+)/.exec(await redis.info('server'))![1]!
}
