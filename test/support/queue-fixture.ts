/**
 * What the tests of the scripts share: a queue in Redis, what is put into it, and what is found in it.
 */
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { connect, randomPrefix, REDIS_URL, until } from './helpers.ts'
import type { ClaimRef, ClaimReply, Settlement } from '../../lib/store/contract.ts'
import type { SweepReply } from '../../lib/store/upkeep-contract.ts'

export const LONG = 60_000

/** The record of a task, as a producer or a worker would write it. */
export function text (id: string, status = 'created'): string {
  return JSON.stringify({ data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1 }, status })
}

/** n1, n2, n3 and so on. */
export const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `n${from + i}`)

export class QueueFixture {
  readonly prefix = randomPrefix()
  readonly redis: Redis
  readonly queue: RedisQueue

  constructor (t: Test, url = REDIS_URL) {
    this.redis = connect(t, url)
    this.queue = new RedisQueue(this.redis, 'q', this.prefix)
  }

  /** A wait for a task on a connection of its own, once Redis has blocked that connection. */
  async wait (t: Test, token: string, seconds = 10): Promise<{ claimed: Promise<ClaimReply> }> {
    const client = connect(t)
    const id = await client.client('ID')
    const claimed = this.queue.overClient(client).claimNext(seconds, token)
    // Not by the number of blocked connections: other tests have theirs.
    await until('it waits', async () => / flags=b /.test(String(await this.redis.client('LIST', 'ID', id))))
    return { claimed }
  }

  get upkeep (): RedisQueue['upkeep'] { return this.queue.upkeep }

  key (name: string): string { return `${this.prefix}:{q}:${name}` }

  async add (...ids: string[]): Promise<void> { await this.queue.addMany(ids.map(id => ({ id, text: text(id) }))) }

  async claim (free: number, token = 'w.1', again = false): Promise<string[]> {
    const { jobs } = await this.queue.claim(free, token, again)
    return jobs.map(job => job.id)
  }

  settle (
    ...batch: Array<[id: string, outcome: Settlement['outcome'], ms?: number, token?: string]>
  ): Promise<string[]> {
    return this.queue.settle(batch.map(([id, outcome, ms = LONG, token = 'w.1']) =>
      ({ id, token, outcome, text: text(id, outcome), ms })))
  }

  /** Lets the lease of a worker expire, as if it had been unavailable for that long. */
  async expireLease (worker = 'w'): Promise<void> { await this.redis.zadd(this.key('leases'), -1_000, worker) }

  /** Makes a tick, and sweeps to the end. */
  async sweep (maxStalls = 2): Promise<Pick<SweepReply, 'requeued' | 'exhausted'>> {
    await this.redis.del(this.key('tickBlock'))
    const found: Pick<SweepReply, 'requeued' | 'exhausted'> = { requeued: [], exhausted: [] }
    for (let position: string | null = null; ;) {
      const reply: SweepReply = await this.upkeep.sweep(LONG, maxStalls, position)
      found.requeued.push(...reply.requeued)
      found.exhausted.push(...reply.exhausted)
      position = reply.position
      if (position === null) return found
    }
  }

  /** What a plain Bee-Queue worker does to take the next task. */
  takeAsBeeQueue (): Promise<unknown> { return this.redis.rpoplpush(this.key('waiting'), this.key('active')) }

  /** Oldest first. */
  async waiting (): Promise<string[]> { return (await this.redis.lrange(this.key('waiting'), 0, -1)).reverse() }

  /** Everything that the queue has in Redis, by key, but for watched tasks, leases and timekeepers. */
  async dump (): Promise<Record<string, any>> {
    const found: Record<string, any> = {}
    const names = ['watched', 'leases', 'floors', 'tick', 'tickBlock', 'timekeepers', 'lastClaims']
    const unseen = new Set(names.map(name => this.key(name)))
    const keys = (await this.redis.keys(`${this.prefix}:*`)).filter(key => !unseen.has(key))
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

  /** As `dump`, but without times and records: only ids, and the tokens of claims. */
  async state (): Promise<Record<string, any>> {
    const { jobs, claims, stallBlock, ...rest } = await this.dump()
    for (const key of Object.keys(rest)) {
      if (key === 'delayed' || key.startsWith('done:')) rest[key] = evenOnly(rest[key]).sort()
    }
    if (claims) {
      const tokenOf = ([id, claim]: [string, string]): string[] => [id, claim.split(' ')[0]!]
      rest.claims = Object.fromEntries(Object.entries<string>(claims).map(tokenOf))
    }
    return { ...JSON.parse(JSON.stringify(rest)), jobs: Object.keys(jobs ?? {}).sort() }
  }

  async score (key: string, id: string): Promise<number> { return Number(await this.redis.zscore(this.key(key), id)) }

  /** Collects what is published from now on, as `channel message`. The tasks a to z are watched. */
  async events (t: Test): Promise<string[]> {
    const heard: string[] = []
    const listener = connect(t, `redis://${this.redis.options.host}:${this.redis.options.port}`)
    await listener.psubscribe(`${this.prefix}:*`)
    await this.queue.watch([...'abcdefghijklmnopqrstuvwxyz'], LONG)
    listener.on('pmessage', (_pattern, channel, message) => {
      heard.push(`${channel.slice(this.prefix.length + 5)} ${message}`)
    })
    return heard
  }
}

/** The members of a sorted set, without their scores. */
const evenOnly = (flat: string[]): string[] => flat.filter((_, i) => i % 2 === 0)

export const claimsOf = (...ids: string[]): ClaimRef[] => ids.map(id => ({ id, token: 'w.1' }))

/** Whether a time is about so many ms from now. */
export function isAbout (t: Test, time: number, ms: number, what = 'time'): void {
  t.ok(Math.abs(time - Date.now() - ms) < 10_000, `${what}: ${time}`)
}

/** The starts that a lane remembers, and the time until which it is held, are so many ms older. */
export async function ageStarts (f: QueueFixture, name: string, ms: number): Promise<void> {
  const key = f.key(name)
  const script = "local starts = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[2])) " +
    'for i = 1, #starts, 2 do starts[i] = starts[i] - ARGV[1] end ' +
    "redis.call('HSET', KEYS[1], ARGV[2], cmsgpack.pack(starts))"
  for (const field of await f.redis.hkeys(key)) {
    if (field !== 'until') await f.redis.eval(script, 1, key, ms, field)
    else await f.redis.hset(key, field, (await f.redis.hget(key, field))!.replace(/\d+/g, time => `${Number(time) - ms}`))
  }
}
