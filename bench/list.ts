/**
 * What a page of tasks costs, by the length of the queue: `npm run bench:list`, or `-- 100000` for another length.
 * Prints the time that Redis spends (INFO commandstats), and that of the whole call.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import tasks from '../lib/plugin.ts'
import { startRedis } from '../scripts/redis.ts'

const length = Number(process.argv[2] ?? 1_000_000)
const ROUNDS = 20
const BATCH = 10_000

/** As many waiting tasks as an enqueue of each would leave, in a few seconds. */
const fill = `
for i = 1, ARGV[1] do
  local id = string.format('%08x-0000-4000-8000-000000000000', ARGV[2] + i)
  redis.call('HSET', KEYS[1], id, '{"data":{"name":"x","data":{"to":"somebody@example.com"}},"options":{"timestamp":1700000000000,"stacktraces":[],"attempts":1},"status":"created","progress":null}')
  redis.call('LPUSH', KEYS[2], id)
end`

const idOf = (place: number): string => `${(place + 1).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`

async function redisMs (redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats')
  return [...stats.matchAll(/^cmdstat_(?:evalsha|eval):.*?usec=(\d+)/gm)].reduce((sum, [, usec]) => sum + Number(usec), 0) / 1_000
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

async function measure (redis: Redis, what: string, call: () => Promise<unknown>): Promise<void> {
  const inRedis: number[] = []
  const whole: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    await redis.config('RESETSTAT')
    const start = performance.now()
    await call()
    const ms = performance.now() - start
    if (round === 0) continue // scripts are loaded, code is compiled
    whole.push(ms)
    inRedis.push(await redisMs(redis))
  }
  const max = Math.max(...inRedis)
  console.log(`${what.padEnd(58)} ${median(inRedis).toFixed(2).padStart(8)} ${max.toFixed(2).padStart(8)} ${median(whole).toFixed(1).padStart(8)}`)
}

async function pages (app: FastifyInstance, redis: Redis): Promise<void> {
  const page = (limit: number, cursor?: string) => () => app.tasks.list({ state: 'waiting', limit, ...(cursor ? { cursor } : {}) })
  const at = (place: number, by = place): string => `default/${by}/${idOf(place)}`
  const middle = Math.floor(length / 2)
  await measure(redis, 'first page of 50', page(50))
  await measure(redis, 'first page of 1,000', page(1_000))
  await measure(redis, `page of 50 after ${middle.toLocaleString('en')}`, page(50, at(middle)))
  await measure(redis, `page of 50 after ${(length - 51).toLocaleString('en')}`, page(50, at(length - 51)))
  await measure(redis, 'the middle, 900 were taken since the page before', page(50, at(middle, middle + 900)))
  await measure(redis, 'the middle, 100,000 were taken since: it is searched for', page(50, at(middle, middle + 100_000)))
  await measure(redis, 'counts', () => app.tasks.counts())
  await measure(redis, 'status of one', () => app.tasks.status(idOf(middle)))
}

const server = await startRedis()
const redis = new Redis(server.url)
const app = Fastify()
await app.register(tasks, { redis: server.url })
app.tasks.define('x')
await app.ready()
try {
  for (let done = 0; done < length; done += BATCH) await redis.eval(fill, 2, 'bq:{default}:jobs', 'bq:{default}:waiting', Math.min(BATCH, length - done), done)
  console.log(`${length.toLocaleString('en')} waiting tasks, Redis ${/redis_version:(\S+)/.exec(await redis.info('server'))![1]}, Node ${process.version}; ms, of ${ROUNDS} calls`)
  console.log(`${''.padEnd(58)} ${'in Redis'.padStart(8)} ${'longest'.padStart(8)} ${'in all'.padStart(8)}`)
  await pages(app, redis)
} finally {
  await app.close()
  redis.disconnect()
  await server.stop()
}
