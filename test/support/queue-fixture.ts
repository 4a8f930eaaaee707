/**
 * What the tests of the scripts share: one queue, what is put into it, and what is found in it.
 */
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { ClaimRef, Settlement } from '../../lib/store/contract.ts'
import { connect, randomPrefix, REDIS_URL } from './helpers.ts'

export const LONG = 60_000

/** The record of a task, as the producer or the worker would write it. */
export const text = (id: string, status = 'created'): string => JSON.stringify({ data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1 }, status })
export const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `n${from + i}`)

export class Bench {
  readonly prefix = randomPrefix()
  readonly redis: Redis
  readonly queue: RedisQueue

  constructor (t: Test, url = REDIS_URL) {
    this.redis = connect(t, url)
    this.queue = new RedisQueue(this.redis, 'q', this.prefix)
  }

  key (name: string): string { return `${this.prefix}:{q}:${name}` }

  async add (...ids: string[]): Promise<void> { await this.queue.addMany(ids.map(id => ({ id, text: text(id) }))) }

  async claim (free: number, token = 'w.1', lease = LONG, again = false): Promise<string[]> {
    const { jobs } = await this.queue.claim(free, token, lease, again)
    return jobs.map(job => job.id)
  }

  settle (...batch: Array<[id: string, outcome: Settlement['outcome'], ms?: number, token?: string]>): Promise<string[]> {
    return this.queue.settle(batch.map(([id, outcome, ms = LONG, token = 'w.1']) => ({ id, token, outcome, text: text(id, outcome), ms })))
  }

  /** As if their workers had been away for longer than the lease. */
  async lapse (...ids: string[]): Promise<void> { for (const id of ids) await this.claimUntil(id, 1) }

  async claimUntil (id: string, till: number | string): Promise<void> {
    const [token, since] = (await this.redis.hget(this.key('claims'), id))!.split(' ')
    await this.redis.hset(this.key('claims'), id, `${token} ${since} ${till}`)
  }

  /** When a claim lapses. */
  async till (id: string): Promise<number> { return Number((await this.redis.hget(this.key('claims'), id))!.split(' ')[2]) }

  /** What a plain Bee-Queue worker does to take a task, and its stall check to give one back. */
  hold (): Promise<unknown> { return this.redis.rpoplpush(this.key('waiting'), this.key('active')) }
  async putBack (id: string): Promise<void> {
    await this.redis.lrem(this.key('active'), 0, id)
    await this.redis.lpush(this.key('waiting'), id)
  }

  /** Oldest first. */
  async waiting (): Promise<string[]> { return (await this.redis.lrange(this.key('waiting'), 0, -1)).reverse() }

  /** All that the queue has in Redis, by key; not who watches. */
  async dump (): Promise<Record<string, any>> {
    const found: Record<string, any> = {}
    const keys = (await this.redis.keys(`${this.prefix}:*`)).filter(key => key !== this.key('watched'))
    for (const key of keys.sort()) found[key.slice(this.prefix.length + 5)] = await this.#content(key)
    return found
  }

  async #content (key: string): Promise<unknown> {
    switch (await this.redis.type(key)) {
      case 'list': return this.redis.lrange(key, 0, -1)
      case 'hash': return { ...await this.redis.hgetall(key) }
      case 'set': return (await this.redis.smembers(key)).sort()
      case 'zset': return this.redis.zrange(key, 0, '-1', 'WITHSCORES')
      default: return this.redis.get(key)
    }
  }

  /** As `dump`, without times and records: ids, and tokens of claims. */
  async state (): Promise<Record<string, any>> {
    const { jobs, claims, stallBlock, ...rest } = await this.dump()
    for (const key of ['delayed', ...Object.keys(rest).filter(key => key.startsWith('done:'))]) rest[key] = rest[key]?.filter((_: string, i: number) => i % 2 === 0).sort()
    if (claims) rest.claims = Object.fromEntries(Object.entries<string>(claims).map(([id, claim]) => [id, claim.split(' ')[0]]))
    return { ...JSON.parse(JSON.stringify(rest)), jobs: Object.keys(jobs ?? {}).sort() }
  }

  async score (key: string, id: string): Promise<number> { return Number(await this.redis.zscore(this.key(key), id)) }

  /** What is published from now on, as `channel message`; of the tasks a to z, since somebody waits for their changes. */
  async events (t: Test): Promise<string[]> {
    const heard: string[] = []
    const listener = connect(t, `redis://${this.redis.options.host}:${this.redis.options.port}`)
    await listener.psubscribe(`${this.prefix}:*`)
    await this.queue.watch([...'abcdefghijklmnopqrstuvwxyz'], LONG)
    listener.on('pmessage', (_pattern, channel, message) => { heard.push(`${channel.slice(this.prefix.length + 5)} ${message}`) })
    return heard
  }
}

export const held = (...ids: string[]): ClaimRef[] => ids.map(id => ({ id, token: 'w.1' }))
export const soon = (t: Test, score: number, ms: number, what?: string): void => { t.ok(Math.abs(score - Date.now() - ms) < 10_000, `${what ?? 'time'}: ${score}`) }
