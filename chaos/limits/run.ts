/** One run: tasks are enqueued and worked on, while workers are killed at each step, and Redis fails. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { makeApp } from './app.ts'
import { audit, type LimitAudit } from './audit.ts'
import { LimitFleet } from './fleet.ts'
import { NAMES, planTask, PREFIX, type Name, type Size } from './plan.ts'
import { TcpProxy } from '../proxy.ts'
import type { FastifyInstance } from 'fastify'
import type { EnqueueItem } from '../../lib/types.ts'
import type { RunningRedis } from '../../scripts/redis.ts'
import type { Random } from '../random.ts'

const LOOK_MS = 250
/** A process that does not come to its step is ended at this age, in ms. */
const MAX_AGE = 5_000
const BATCH = 20
const KEY = `${PREFIX}:{default}`

export interface LimitRun extends LimitAudit { deaths: string[], started: number, seconds: number }

export async function run (
  redis: RunningRedis, size: Size, seed: number, dir: string, random: Random
): Promise<LimitRun> {
  const proxy = await TcpProxy.open(redis.port)
  const client = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', () => {})
  const producer = await makeApp(proxy.url)
  const fleet = new LimitFleet(proxy.url, dir, random)
  const start = Date.now()
  try {
    const enqueued = enqueueAll(producer, size, seed)
    await fleet.start(size.workers)
    await disturb({ redis, proxy, fleet }, size, random)
    const ids = await enqueued
    const left = await untilDone(client, Date.now() + size.limit)
    await fleet.stop()
    const seconds = (Date.now() - start) / 1_000
    return { ...audit(redis.dir, dir, ids, left), deaths: fleet.deaths, started: fleet.started, seconds }
  } finally {
    await fleet.stop()
    await producer.close()
    client.disconnect()
    proxy.close()
  }
}

/** In order, each batch until Redis has it: the ids say whether it has. */
async function enqueueAll (app: FastifyInstance, { tasks, keys, calmAfter }: Size, seed: number): Promise<string[]> {
  const ids: string[] = []
  for (let from = 0; from < tasks; from += BATCH) {
    const planned = Array.from({ length: Math.min(BATCH, tasks - from) }, (_, i) => planTask(seed, from + i, keys))
    for (const name of NAMES) {
      await enqueue(app, name, planned.filter(task => task.name === name).map(({ item }) => item))
    }
    ids.push(...planned.map(({ item }) => item.id!))
    await sleep(0.8 * calmAfter * BATCH / tasks)
  }
  return ids
}

async function enqueue (app: FastifyInstance, name: Name, items: Array<EnqueueItem<any>>): Promise<void> {
  for (;;) {
    try {
      return void await app.tasks.enqueueMany(name, items)
    } catch {
      await sleep(100)
    }
  }
}

interface Targets { redis: RunningRedis, proxy: TcpProxy, fleet: LimitFleet }

async function disturb ({ redis, proxy, fleet }: Targets, size: Size, random: Random): Promise<void> {
  const calm = Date.now() + size.calmAfter
  for (let next = 1; Date.now() < calm; await sleep(LOOK_MS)) {
    fleet.endEarlier(Date.now() - MAX_AGE)
    const due = calm - size.calmAfter * (size.faults - next + 1) / (size.faults + 1)
    if (next <= size.faults && Date.now() >= due) await fault(redis, proxy, next++, random)
  }
  fleet.calm = true
  while (fleet.endEarlier(calm)) await sleep(LOOK_MS)
}

async function fault (redis: RunningRedis, proxy: TcpProxy, i: number, random: Random): Promise<void> {
  const ms = random.int(300, 2_500)
  switch (i % 4) {
    case 0:
      await redis.kill()
      await redis.restart()
      break
    case 1:
      proxy.cut(random.chance(0.5))
      break
    case 2:
      redis.pause()
      await sleep(ms)
      redis.resume()
      break
    default:
      proxy.set(random.pick(['stalled', 'replies-held'] as const))
      await sleep(ms)
      proxy.set('open')
      proxy.cut()
  }
}

/** Keys of limits that are left when all tasks have ended, or at the end of the time. */
async function untilDone (client: Redis, end: number): Promise<string[]> {
  for (;;) {
    const [claims, waiting, delayed, gated] = await Promise.all([
      client.hlen(`${KEY}:claims`), client.llen(`${KEY}:waiting`), client.zcard(`${KEY}:delayed`),
      client.zcard(`${KEY}:gated`)
    ])
    const keys = (await client.keys(`${KEY}:*`)).filter(key => /:(slots|lane|turns|lanes|laned|gated|tokens|closed|crowded)(:|$)/.test(key))
    if (claims + waiting + delayed + gated + keys.length === 0 || Date.now() > end) return keys
    await sleep(LOOK_MS)
  }
}
