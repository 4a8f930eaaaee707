/**
 * What many who wait for one task cost: `npm run bench:waiting`, with 1 and 3,000 event streams and 300,000 long polls,
 * or `-- 500 20000` for other numbers. The clients are in a process of their own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import tasks from '../lib/plugin.ts'
import { table } from '../scripts/docs/markdown.ts'
import { startRedis } from '../scripts/redis.ts'
import { redisVersion } from './info.ts'
import { machine } from './section.ts'
import { median } from './stats.ts'

/** How long the task reports, in ms. */
const WINDOW = 10_000
/** Between two reports, in ms. */
const REPORT_EVERY = 200
/** Between two requests to another route, in ms. */
const ASK_EVERY = 25
const POLLS_AT_ONCE = 2_000

const { positionals } = parseArgs({ allowPositionals: true })
const [streams = 3_000, polls = 300_000] = positionals.map(Number)

/** The process of the clients: opens streams, and measures how long another route takes while they are open. */
async function clients (port: number, path: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  let events = 0
  for (let opened = 0; opened < count; opened++) {
    const [response] = await once(get({ port, path, agent }), 'response')
    response.on('data', () => { events++ })
  }
  const times: number[] = []
  for (const end = performance.now() + WINDOW; performance.now() < end; await sleep(ASK_EVERY)) {
    const start = performance.now()
    const [response] = await once(get({ port, path: '/other', agent }), 'response')
    await once(response.resume(), 'end')
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  process.send!({ events, p50: median(times), p99: times[Math.floor(times.length * 0.99)] })
}

async function scripts (redis: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
}

async function withStreams (app: FastifyInstance, redis: Redis, count: number): Promise<Array<string | number>> {
  const { id } = await app.tasks.enqueue('reports')
  const { port } = app.server.address() as AddressInfo
  const child = fork(new URL(import.meta.url), ['clients', String(port), `/tasks/${id}/events`, String(count)])
  const answered = once(child, 'message')
  const exited = once(child, 'exit')
  const before = await scripts(redis)
  const start = performance.now()
  const [{ events, p50, p99 }] = await answered
  const seconds = (performance.now() - start) / 1_000
  const perSecond = (await scripts(redis) - before) / seconds
  child.kill()
  await Promise.all([exited, app.tasks.cancel(id)])
  return [count, perSecond.toFixed(0), events, p50.toFixed(1), p99.toFixed(1)]
}

/** MiB of the heap after so many long polls, which end after a second each. */
async function heapAfter (app: FastifyInstance, id: string, count: number): Promise<number> {
  for (let sent = 0; sent < count; sent += POLLS_AT_ONCE) {
    const poll = (): unknown => app.inject({ url: `/tasks/${id}`, headers: { prefer: 'wait=1' } })
    await Promise.all(Array.from({ length: Math.min(POLLS_AT_ONCE, count - sent) }, poll))
  }
  await sleep(100)
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

async function main (): Promise<void> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  const app: FastifyInstance = Fastify()
  try {
    await app.register(tasks, { redis: server.url, worker: { closeTimeout: 100 }, routes: { maxWaits: 100_000 } })
    app.tasks.define('reports', async (_data, task) => {
      for (let n = 1; !task.signal.aborted; n++) {
        await task.reportProgress({ n })
        await sleep(REPORT_EVERY)
      }
    })
    app.get('/other', () => 'ok')
    await app.listen({ port: 0 })
    const rows = [await withStreams(app, redis, 1), await withStreams(app, redis, streams!)]
    const head = ['Streams', 'Scripts/s of Redis', 'Events', 'Another route: ms, p50', 'p99']
    console.log(`${table([head, ...rows.map(row => row.map(String))])}\n`)
    const { id } = await app.tasks.enqueue('reports', null, { delay: 3_600_000 })
    const heaps = [await heapAfter(app, id, POLLS_AT_ONCE * 5), await heapAfter(app, id, polls!)]
    console.log(`heap: ${heaps[0]!.toFixed(1)} MiB, and ${heaps[1]!.toFixed(1)} MiB after ${polls!} long polls more`)
    console.log(machine(await redisVersion(redis)))
  } finally {
    await app.close()
    redis.disconnect()
    await server.stop()
  }
}

if (positionals[0] === 'clients') {
  const [, port, path, count] = positionals
  await clients(Number(port), path!, Number(count))
} else {
  await main()
}
