/**
 * One of the processes that fire ticks: it looks for due ticks all the time. Its own clock is wrong.
 *
 * usage: schedule-worker.js URL PREFIX OFFSET_MS
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pino from 'pino'
import { Ticker } from '../lib/schedules/ticker.ts'
import { RedisQueue } from '../lib/store/redis/queue.ts'

const [url, prefix, offset] = process.argv.slice(2) as [string, string, string]
const { now } = Date
Date.now = () => now() + Number(offset)

const redis = new Redis(url, { retryStrategy: () => 50 })
redis.on('error', () => {})
const { schedules } = new RedisQueue(redis, 'default', prefix)
const log = pino({ level: 'silent' }) as any
const ticker = new Ticker({ queue: 'default', schedules, log, instance: '', worker: '' })
console.log('ready')
for (;;) {
  await ticker.fireDue().catch(() => {})
  await sleep(20)
}
