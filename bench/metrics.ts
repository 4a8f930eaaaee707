/**
 * npm run bench:metrics: what metrics and the history cost Redis. The bench's part `metrics`: what they cost a task.
 *
 * 1. Redis' time for a scrape of one queue with 100,000 waiting tasks.
 * 2. The history of a busy queue: bytes of a minute and of an hour, and Redis' time for what 500 workers send.
 */
import { Redis } from 'ioredis'
import { MAX_NAMES, type HistoryCounts } from '../lib/store/history-contract.ts'
import { RedisQueue } from '../lib/store/redis/queue.ts'
import { startRedis } from '../scripts/redis.ts'

const redis = await startRedis()
const client = new Redis(redis.url)

/** The time that Redis spent in commands and scripts, in µs. */
async function commandTime (): Promise<number> {
  const all = (await client.info('commandstats')).matchAll(/^cmdstat_(?!info|config)[^:]+:calls=\d+,usec=(\d+)/gm)
  return [...all].reduce((sum, [, us]) => sum + Number(us), 0)
}

async function timed (what: string, call: () => Promise<unknown>, times: number): Promise<void> {
  await call()
  await client.config('RESETSTAT')
  for (let i = 0; i < times; i++) await call()
  console.log(`${what}: ${(await commandTime() / times).toFixed(1)} µs`)
}

async function scrape (): Promise<void> {
  await client.flushall()
  const queue = new RedisQueue(client as any, 'q', 'bq')
  const text = JSON.stringify({ data: { name: 'x' }, options: { timestamp: 1 }, status: 'created' })
  for (let i = 0; i < 100_000; i += 500) {
    await queue.addMany(Array.from({ length: 500 }, (_, k) => ({ id: `t${i + k}`, text })))
  }
  await timed('a scrape of one queue', () => queue.measure(100), 2_000)
}

/** 10 names, each with 5 counts, 6 of 20 buckets of waits that are hit, and 6 of 20 of runs. */
function busyMinute (worker: number): HistoryCounts {
  const isHit = (i: number): boolean => i < 5 + 6 || (i >= 5 + 20 + 5 && i < 5 + 20 + 11)
  const numbers = Array.from({ length: 5 + 20 + 20 }, (_, i) => isHit(i) ? worker + i + 1 : 0)
  return Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`task-${i}`, numbers]))
}

async function history (): Promise<void> {
  await client.flushall()
  const queues = Array.from({ length: 10 }, (_, i) => new RedisQueue(client as any, `q${i}`, 'bq'))
  const now = Date.now()
  let worker = 0
  await timed('one flush of one worker for one queue', async () => {
    await queues[worker % 10]!.history.add('minute', now, busyMinute(worker++))
  }, 5_000)
  const bytes = async (key: string): Promise<number> => Number(await client.call('MEMORY', 'USAGE', key))
  const [minute, hour] = [Math.floor(now / 60_000), Math.floor(now / 3_600_000)]
  await queues[0]!.history.add('hour', now, busyMinute(1_000_000))
  const [ofMinute, ofHour] = [await bytes(`bq:{q0}:m:${minute}`), await bytes(`bq:{q0}:h:${hour}`)]
  const whole = (480 * ofMinute + 168 * ofHour) / 1_048_576
  console.log(`a busy queue: ${ofMinute} bytes a minute, ${ofHour} bytes an hour, ${whole.toFixed(1)} MiB in all; ` +
    `at most ${MAX_NAMES} names a key`)
}

try {
  await scrape()
  await history()
} finally {
  client.disconnect()
  await redis.stop()
}
