/**
 * Measures the memory of tasks in Redis: `npm run bench:memory`, a million of each kind, or `-- 100000` for another
 * number. `--write` puts the table into docs/internals/scaling.md.
 */
import { parseArgs } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import tasks from '../lib/plugin.ts'
import { startRedis } from '../scripts/redis.ts'
import { table } from '../scripts/docs/markdown.ts'
import { machine, writeSection } from './section.ts'
import type { EnqueueOptions } from '../lib/types.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } }
})
const count = Number(positionals[0] ?? 1_000_000)
const CHUNK = 5_000
/** 100 bytes of JSON. */
const payload = { text: 'x'.repeat(89) }

const redis = await startRedis()
const admin = new Redis(redis.url)
const field = async (section: string, name: string): Promise<string> =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await admin.info(section))![1]!
const used = async (): Promise<number> => Number(await field('memory', 'used_memory'))

async function enqueue (app: FastifyInstance, options: EnqueueOptions): Promise<void> {
  for (let sent = 0; sent < count; sent += CHUNK) {
    const length = Math.min(CHUNK, count - sent)
    await app.tasks.enqueueMany('x', Array.from({ length }, () => ({ data: payload, ...options })))
  }
}

async function work (app: FastifyInstance): Promise<void> {
  const worker = await app.tasks.startWorker({ concurrency: 500, queues: ['default'] })
  while ((await app.tasks.counts()).default!.succeeded < count) await new Promise(resolve => setTimeout(resolve, 100))
  await worker.close()
}

/** Bytes of each of the `count` tasks that `make` leaves in an empty Redis. */
async function measure (state: string, make: () => Promise<void>): Promise<[string, number]> {
  await admin.flushall()
  const before = await used()
  await make()
  const bytes = (await used() - before) / count
  console.log(`${state.padEnd(48)} ${bytes.toFixed(0)} bytes each`)
  return [state, bytes]
}

const app: FastifyInstance = Fastify()
try {
  await app.register(tasks, { redis: redis.url, redisTimeout: 30_000 })
  app.tasks.define('x', () => payload)
  await app.ready()
  console.log(`${count.toLocaleString('en')} tasks of each kind, with 100 bytes of data`)
  const rows = [
    await measure('waiting', () => enqueue(app, {})),
    await measure('delayed', () => enqueue(app, { delay: 86_400_000 })),
    await measure('succeeded, with 100 bytes of result, until `resultTtl`', async () => {
      await enqueue(app, {})
      await work(app)
    })
  ]
  const head = ['State of the task', 'Bytes', 'A million tasks']
  const mebibytes = (bytes: number): string => `${(bytes * 1e6 / 2 ** 20).toFixed(0)} MiB`
  const text = table([head, ...rows.map(([state, bytes]) => [state, bytes.toFixed(0), mebibytes(bytes)])])
  const version = await field('server', 'redis_version')
  const note = `${count.toLocaleString('en')} of each, 100 bytes of data; Redis ${version}.`
  if (values.write) writeSection('docs/internals/scaling.md', 'memory', `${text}\n\n${note}`)
  console.log(`\n${text}\n\n${machine(version)}`)
} finally {
  await app.close()
  admin.disconnect()
  await redis.stop()
}
