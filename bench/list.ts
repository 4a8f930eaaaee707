/**
 * Measures the cost of a page of tasks in a long queue: `npm run bench:list`, or `-- 100000` for another length.
 * Prints the time spent in Redis (INFO commandstats) and the time of the whole call.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import tasks from '../lib/plugin.ts'
import { makeCursor } from '../lib/tasks/list-pages.ts'
import { startRedis } from '../scripts/redis.ts'

const length = Number(process.argv[2] ?? 1_000_000)
const ROUNDS = 20
const BATCH = 10_000

const job = JSON.stringify({
  data: { name: 'x', data: { to: 'somebody@example.com' } },
  options: { timestamp: 1700000000000, stacktraces: [], attempts: 1 },
  status: 'created',
  progress: null
})

/** Stores waiting tasks as an enqueue would, but a million of them in a few seconds. */
const fill = `
for i = 1, ARGV[1] do
  local id = string.format('%08x-0000-4000-8000-000000000000', ARGV[2] + i)
  redis.call('HSET', KEYS[1], id, '${job}')
  redis.call('LPUSH', KEYS[2], id)
end`

const idOf = (index: number): string => `${(index + 1).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`

/** Ms that Redis spent in scripts since the last CONFIG RESETSTAT. */
async function redisMs (redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats')
  const scripts = [...stats.matchAll(/^cmdstat_(?:evalsha|eval):.*?usec=(\d+)/gm)]
  return scripts.reduce((sum, [, usec]) => sum + Number(usec), 0) / 1_000
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const columns = (title: string, ...cells: string[]): string =>
  [title.padEnd(58), ...cells.map(cell => cell.padStart(8))].join(' ')

async function measure (redis: Redis, title: string, call: () => Promise<unknown>): Promise<void> {
  const inRedis: number[] = []
  const whole: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    await redis.config('RESETSTAT')
    const start = performance.now()
    await call()
    const ms = performance.now() - start
    if (round === 0) continue // warm-up: loads scripts, compiles code
    whole.push(ms)
    inRedis.push(await redisMs(redis))
  }
  const max = Math.max(...inRedis)
  console.log(columns(title, median(inRedis).toFixed(2), max.toFixed(2), median(whole).toFixed(1)))
}

async function pages (app: FastifyInstance, redis: Redis): Promise<void> {
  const page = (limit: number, cursor?: string) => () =>
    app.tasks.list({ state: 'waiting', limit, ...(cursor ? { cursor } : {}) })
  // A cursor holds an id, and the index at which the id was. If tasks were taken since, that index is outdated.
  const at = (index: number, place = index): string =>
    makeCursor({ from: 'default', after: { id: idOf(index), place } }, { state: 'waiting' })
  const middle = Math.floor(length / 2)
  await measure(redis, 'first page of 50', page(50))
  await measure(redis, 'first page of 1,000', page(1_000))
  await measure(redis, `page of 50 after ${middle.toLocaleString('en')}`, page(50, at(middle)))
  await measure(redis, `page of 50 after ${(length - 51).toLocaleString('en')}`, page(50, at(length - 51)))
  await measure(redis, 'the middle, 900 tasks taken since the page before', page(50, at(middle, middle + 900)))
  await measure(redis, 'the middle, 100,000 taken since: searches the id', page(50, at(middle, middle + 100_000)))
  await measure(redis, 'counts', () => app.tasks.counts())
  await measure(redis, 'status of one task', () => app.tasks.status(idOf(middle)))
}

const server = await startRedis()
const redis = new Redis(server.url)
const app = Fastify()
await app.register(tasks, { redis: server.url })
app.tasks.define('x')
await app.ready()
try {
  for (let done = 0; done < length; done += BATCH) {
    await redis.eval(fill, 2, 'bq:{default}:jobs', 'bq:{default}:waiting', Math.min(BATCH, length - done), done)
  }
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))![1]
  const tasksText = `${length.toLocaleString('en')} waiting tasks`
  console.log(`${tasksText}, Redis ${version}, Node ${process.version}; ms, of ${ROUNDS} calls`)
  console.log(columns('', 'in Redis', 'longest', 'in all'))
  await pages(app, redis)
} finally {
  await app.close()
  redis.disconnect()
  await server.stop()
}
