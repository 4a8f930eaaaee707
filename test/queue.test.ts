/**
 * The scripts, through the queue that runs them: what each one promises in its header.
 */
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { TaskQueue, type Held, type Settlement } from '../lib/queue.ts'
import { startRedis } from '../scripts/redis.ts'
import { connect, randomPrefix, REDIS_URL, until } from './helpers.ts'

const LONG = 60_000

/** The record of a task, as the producer or the worker would write it. */
const text = (id: string, status = 'created'): string => JSON.stringify({ data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1 }, status })
const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `n${from + i}`)

class Bench {
  readonly prefix = randomPrefix()
  readonly redis: Redis
  readonly queue: TaskQueue

  constructor (t: Test, url = REDIS_URL) {
    this.redis = connect(t, url)
    this.queue = new TaskQueue(this.redis, 'q', this.prefix)
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
  async lapse (...ids: string[]): Promise<void> { for (const id of ids) await this.redis.zadd(this.key('leases'), 'XX', 1, id) }

  /** What a plain Bee-Queue worker does to take a task, and its stall check to give one back. */
  hold (): Promise<unknown> { return this.redis.rpoplpush(this.key('waiting'), this.key('active')) }
  async putBack (id: string): Promise<void> {
    await this.redis.lrem(this.key('active'), 0, id)
    await this.redis.lpush(this.key('waiting'), id)
  }

  /** Oldest first. */
  async waiting (): Promise<string[]> { return (await this.redis.lrange(this.key('waiting'), 0, -1)).reverse() }

  /** All that the queue has in Redis, by key. */
  async dump (): Promise<Record<string, any>> {
    const found: Record<string, any> = {}
    for (const key of (await this.redis.keys(`${this.prefix}:*`)).sort()) found[key.slice(this.prefix.length + 5)] = await this.#content(key)
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
    for (const key of ['leases', 'delayed', ...Object.keys(rest).filter(key => key.startsWith('done:'))]) rest[key] = rest[key]?.filter((_: string, i: number) => i % 2 === 0).sort()
    if (claims) rest.claims = Object.fromEntries(Object.entries<string>(claims).map(([id, claim]) => [id, claim.split(' ')[0]]))
    return { ...JSON.parse(JSON.stringify(rest)), jobs: Object.keys(jobs ?? {}).sort() }
  }

  async score (key: string, id: string): Promise<number> { return Number(await this.redis.zscore(this.key(key), id)) }

  /** What is published from now on, as `channel message`. */
  async events (t: Test): Promise<string[]> {
    const heard: string[] = []
    const listener = connect(t, `redis://${this.redis.options.host}:${this.redis.options.port}`)
    await listener.psubscribe(`${this.prefix}:*`)
    listener.on('pmessage', (_pattern, channel, message) => { heard.push(`${channel.slice(this.prefix.length + 5)} ${message}`) })
    return heard
  }
}

const held = (...ids: string[]): Held[] => ids.map(id => ({ id, token: 'w.1' }))
const soon = (t: Test, score: number, ms: number, what?: string): void => { t.ok(Math.abs(score - Date.now() - ms) < 10_000, `${what ?? 'time'}: ${score}`) }

t.test('claim', async (t) => {
  t.test('takes the oldest first, with their records, for the length of the lease', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    const events = await b.events(t)
    const { jobs, now, next } = await b.queue.claim(2, 'w.1', LONG, false)
    t.strictSame(jobs, [{ id: 'a', text: text('a'), token: 'w.1' }, { id: 'b', text: text('b'), token: 'w.1' }])
    t.strictSame(await b.state(), { waiting: ['c'], active: ['b', 'a'], claims: { a: 'w.1', b: 'w.1' }, leases: ['a', 'b'], jobs: ['a', 'b', 'c'] })
    soon(t, now, 0)
    t.equal(next, null)
    t.equal(await b.score('leases', 'a'), now + LONG)
    t.equal((await b.queue.read('a'))!.live.claimedAt, now)
    await until('it is told', () => events.length === 2)
    t.strictSame(events, ['task:a active', 'task:b active'])
    t.strictSame(await b.claim(5, 'w.2'), ['c'])
    t.strictSame(await b.claim(5, 'w.3'), [])
  })

  t.test('gives a task to one of many who ask at once', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 60))
    const queues = [b.queue, b.queue.over(connect(t)), b.queue.over(connect(t))]
    const claims = await Promise.all(Array.from({ length: 30 }, (_, i) => queues[i % 3]!.claim(5, `w.${i}`, LONG, false)))
    t.strictSame(claims.flatMap(claim => claim.jobs.map(job => job.id)).sort(), range(1, 60).sort())
  })

  t.test('asked again with the same token, gives the same tasks and takes no more', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 6))
    t.strictSame(await b.claim(2, 'w.10'), ['n1', 'n2'])
    const before = await b.dump()
    const { jobs } = await b.queue.claim(5, 'w.10', LONG, true)
    t.strictSame(jobs.sort((x, y) => x.id < y.id ? -1 : 1), ['n1', 'n2'].map(id => ({ id, text: text(id), token: 'w.10' })))
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.claim(2, 'w.1', LONG, true), ['n3', 'n4'], 'a token that took nothing takes; another one that starts alike is another')
    await b.redis.hdel(b.key('jobs'), 'n1')
    t.equal((await b.queue.claim(0, 'w.10', LONG, true)).jobs.find(job => job.id === 'n1')!.text, null, 'a record that went')
  })

  t.test('moves what is due behind what waits, in the order of its times', async (t) => {
    const b = new Bench(t)
    const due = Date.now() + LONG
    await b.queue.addMany([['late', 3], ['early', 1], ['mid', 2], ['not yet', due]].map(([id, delay]) => ({ id: id as string, text: text('x'), delay: delay as number })))
    await b.add('first')
    const { jobs, next } = await b.queue.claim(0, 'w.1', LONG, false)
    t.strictSame([jobs, next], [[], due])
    t.strictSame(await b.waiting(), ['first', 'early', 'mid', 'late'])
    t.strictSame((await b.state()).delayed, ['not yet'])
    t.strictSame(await b.claim(9), ['first', 'early', 'mid', 'late'])
  })

  t.test('takes a thousand at once, and moves more in as many turns', async (t) => {
    const b = new Bench(t)
    await b.queue.addMany(range(1, 1_001).map((id, i) => ({ id, text: text(id), delay: i + 1 })))
    const first = await b.queue.claim(1_000, 'w.1', LONG, false)
    t.strictSame(first.jobs.map(job => job.id), range(1, 1_000))
    t.equal(first.next, 1_001)
    t.strictSame(await b.claim(1, 'w.2'), ['n1001'])
  })

  t.test('drops an id without a record, and takes one that stands twice once', async (t) => {
    const b = new Bench(t)
    await b.add('gone', 'a')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.redis.lpush(b.key('waiting'), 'a')
    t.strictSame(await b.claim(9), ['a'])
    t.strictSame(await b.state(), { active: ['a'], claims: { a: 'w.1' }, leases: ['a'], jobs: ['a'] })
  })

  t.test('an id that a live claim holds goes to active again, and is not claimed twice', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.putBack('a')
    await b.redis.lpush(b.key('active'), 'a')
    t.strictSame(await b.claim(9, 'w.2'), ['b'])
    const { active, claims } = await b.state()
    t.strictSame([active.sort(), claims], [['a', 'b'], { a: 'w.1', b: 'w.2' }])
  })

  t.test('a task whose worker went away comes alone', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'suspect', 'other suspect', 'c', 'd')
    await b.redis.hset(b.key('stalls'), 'suspect', 1, 'other suspect', 2)
    for (const ids of [['a', 'b'], ['suspect'], ['other suspect'], ['c', 'd'], []]) t.strictSame(await b.claim(9), ids)
  })

  t.test('an id that is not UTF-8 is set aside as failed, and the others are taken', async (t) => {
    const b = new Bench(t)
    const texts = ['é', '€', '😀', '\u{10ffff}', '\ud7ff', '\ue000']
    const broken = [[0x80], [0xc3], [0xc0, 0xaf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x61, 0xff]].map(bytes => Buffer.from(bytes))
    for (const id of [...texts, ...broken]) {
      await b.redis.hset(b.key('jobs'), id, '{}')
      await b.redis.lpush(b.key('waiting'), id)
    }
    t.strictSame(await b.claim(99), texts)
    t.strictSame((await b.redis.smembersBuffer(b.key('failed'))).sort(Buffer.compare), broken.sort(Buffer.compare))
    t.match(JSON.parse((await b.redis.hget(b.key('jobs'), broken[0]!))!), { data: { name: 'unknown' }, status: 'failed', error: { code: 'TASK_RECORD_INVALID' } })
    soon(t, Number(await b.redis.zscore(b.key('done:failed'), broken[0]!)), 86_400_000)
    t.strictSame(await b.claim(99), [])
  })
})

t.test('settle', async (t) => {
  t.test('by the owner only, and once', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1, 'w.10')
    const before = await b.dump()
    for (const token of ['w.1', 'w.2', 'w.100', '', 'w.10 ']) t.strictSame(await b.settle(['a', 'succeeded', LONG, token]), ['lost'], token)
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.settle(['a', 'succeeded', LONG, 'w.10'], ['a', 'failed', LONG, 'w.10']), ['done', 'lost'])
    t.strictSame(await b.settle(['a', 'retry', 0, 'w.10'], ['nobody', 'drop']), ['lost', 'lost'])
    t.strictSame(await b.state(), { succeeded: ['a'], 'done:succeeded': ['a'], jobs: ['a'] })
  })

  for (const outcome of ['succeeded', 'failed', 'cancelled', 'expired'] as const) {
    t.test(`${outcome}: record, set, expiry and event, and nothing of the claim is left`, async (t) => {
      const b = new Bench(t)
      await b.add('a', 'b')
      await b.claim(2)
      await b.queue.update({ id: 'a', token: 'w.1' }, '{}')
      await b.redis.hset(b.key('stalls'), 'a', 1, 'b', 1)
      await b.redis.sadd(b.key('stalling'), 'a', 'b')
      await b.redis.sadd(b.key('cancelling'), 'a', 'b')
      const events = await b.events(t)
      t.strictSame(await b.settle(['a', outcome], ['b', outcome, 0]), ['done', 'done'])
      const kept = outcome === 'succeeded' || outcome === 'failed' ? { [outcome]: ['a'] } : {}
      t.strictSame(await b.state(), { ...kept, [`done:${outcome}`]: ['a'], jobs: ['a'] }, 'b: a record that is not to stay goes at once')
      t.equal((await b.queue.read('a'))!.text, text('a', outcome))
      soon(t, await b.score(`done:${outcome}`, 'a'), LONG)
      await until('it is told', () => events.length === 2)
      t.strictSame(events, [`task:a ${outcome}`, `task:b ${outcome}`])
    })
  }

  t.test('retry and defer: behind the others, or delayed; defer writes no record', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c', 'd', 'e')
    await b.claim(4)
    await b.redis.hset(b.key('stalls'), 'a', 1, 'c', 1)
    const events = await b.events(t)
    t.strictSame(await b.settle(['a', 'retry', 0], ['b', 'retry', LONG], ['c', 'defer', 0], ['d', 'defer', LONG]), ['done', 'done', 'done', 'done'])
    t.strictSame(await b.state(), { waiting: ['c', 'a', 'e'], delayed: ['b', 'd'], stalls: { c: '1' }, jobs: ['a', 'b', 'c', 'd', 'e'] }, 'an attempt that ended shows that the task ends no worker')
    soon(t, await b.score('delayed', 'b'), LONG)
    t.strictSame((await b.dump()).jobs, { a: text('a', 'retry'), b: text('b', 'retry'), c: text('c'), d: text('d'), e: text('e') })
    await until('it is told', () => events.length === 6)
    t.ok(events.includes(`earlierDelayed ${await b.score('delayed', 'b')}`), 'in Bee-Queue\'s words')
  })

  t.test('retry and defer are refused once a cancel was asked for', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    t.equal(await b.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG), 'requested')
    const before = await b.dump()
    t.strictSame(await b.settle(['a', 'retry', 0], ['a', 'defer', LONG]), ['cancelled', 'cancelled'])
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.settle(['a', 'cancelled']), ['done'])
    t.strictSame(await b.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('drop takes the claim away, and what goes with it', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.redis.hset(b.key('jobs'), 'a', text('a', 'cancelled'))
    const events = await b.events(t)
    await b.redis.hset(b.key('stalls'), 'a', 1)
    await b.redis.sadd(b.key('cancelling'), 'a')
    t.strictSame(await b.settle(['a', 'drop']), ['done'])
    t.strictSame(await b.dump(), { jobs: { a: text('a', 'cancelled') } })
    await b.redis.publish(b.key('end'), '')
    await until('the end is told', () => events.length > 0)
    t.strictSame(events, ['end '])
  })

  t.test('a task that a plain stall check put back is not run again', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.putBack('a')
    t.strictSame(await b.settle(['a', 'succeeded']), ['done'])
    t.strictSame(await b.waiting(), ['b'])
  })

  t.test('publishes the event that a plain producer waits for', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    const events = await b.events(t)
    await b.queue.settle([{ id: 'a', token: 'w.1', outcome: 'succeeded', text: text('a'), ms: 1, event: '{"id":"a"}' }])
    await until('both are told', () => events.length === 2)
    t.strictSame(events, ['task:a succeeded', 'events {"id":"a"}'])
  })
})

t.test('release', async (t) => {
  t.test('gives back what is the next to be claimed, in its old order', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c', 'd')
    await b.claim(3)
    await b.queue.update({ id: 'b', token: 'w.1' }, '{"stage":"X"}')
    await b.redis.sadd(b.key('stalling'), 'b')
    const before = (await b.dump()).jobs
    const events = await b.events(t)
    t.strictSame(await b.queue.release(held('b', 'c')), ['done', 'done'])
    t.strictSame(await b.state(), { waiting: ['d', 'c', 'b'], active: ['a'], claims: { a: 'w.1' }, leases: ['a'], jobs: ['a', 'b', 'c', 'd'] })
    t.strictSame((await b.dump()).jobs, before, 'no attempt was spent')
    await until('it is told', () => events.length === 2)
    t.strictSame(events.sort(), ['task:b waiting', 'task:c waiting'])
    t.strictSame(await b.claim(9, 'w.2'), ['b', 'c', 'd'])
  })

  t.test('of the token\'s own only, and not where a cancel was asked for', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    await b.claim(2, 'w.1')
    await b.claim(1, 'w.10')
    await b.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    const before = await b.dump()
    t.strictSame(await b.queue.release(held('c', 'a', 'nobody')), ['lost', 'cancelled', 'lost'])
    t.strictSame(await b.dump(), before)
    t.strictSame(await b.queue.release(held('c', 'b', 'a')), ['lost', 'done', 'cancelled'])
    t.strictSame(await b.queue.release(held('b')), ['lost'], 'once')
    t.strictSame(await b.waiting(), ['b'])
  })

  t.test('what a plain stall check put back stands there once', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.putBack('a')
    t.strictSame(await b.queue.release(held('a')), ['done'])
    t.strictSame(await b.waiting(), ['a', 'b'])
  })
})

t.test('recover', async (t) => {
  t.test('a lease that was not renewed puts its task back, behind the others', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    await b.claim(1)
    await b.queue.update({ id: 'a', token: 'w.1' }, '{}')
    await b.claim(1, 'w.2')
    t.strictSame(await b.queue.recover('r.1', LONG, 2), { requeued: [], buried: [] })
    await b.queue.renew(20, held('a'))
    const { requeued, buried } = await until('the lease lapses', async () => {
      const found = await b.queue.recover('r.2', LONG, 2)
      return found.requeued.length > 0 ? found : null
    })
    t.strictSame([requeued, buried], [['a'], []])
    t.strictSame(await b.state(), { waiting: ['a', 'c'], active: ['b'], claims: { b: 'w.2' }, leases: ['b'], stalls: { a: '1' }, jobs: ['a', 'b', 'c'] })
    t.strictSame(await b.settle(['a', 'succeeded']), ['lost'], 'the old claim is void')
    t.strictSame(await b.queue.renew(LONG, held('a')), ['lost'])
  })

  t.test('a task that stalled more often than maxStalls is buried by who finds it', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    for (const stalls of [1, 2]) {
      await b.claim(1, `w.${stalls}`)
      await b.lapse('a')
      t.strictSame(await b.queue.recover('r.1', LONG, 2), { requeued: ['a'], buried: [] })
    }
    await b.claim(1, 'w.3')
    for (const [token, stalls] of [['r.2', 3], ['r.3', 4]] as const) {
      await b.lapse('a')
      t.strictSame(await b.queue.recover(token, LONG, 2), { requeued: [], buried: [{ id: 'a', text: text('a'), stalls }] }, 'and if that one goes away, by the next')
      t.strictSame(await b.state(), { active: ['a'], claims: { a: token }, leases: ['a'], stalls: { a: `${stalls}` }, jobs: ['a'] })
      t.strictSame(await b.queue.recover('r.9', LONG, 2), { requeued: [], buried: [] }, 'it holds it for a lease')
    }
    t.strictSame(await b.settle(['a', 'failed', LONG, 'r.2'], ['a', 'failed', LONG, 'r.3']), ['lost', 'done'])
    t.strictSame(await b.state(), { failed: ['a'], 'done:failed': ['a'], jobs: ['a'] })
  })

  t.test('with maxStalls 0 the first stall buries', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.lapse('a')
    t.strictSame(await b.queue.recover('r.1', LONG, 0), { requeued: [], buried: [{ id: 'a', text: text('a'), stalls: 1 }] })
  })

  t.test('garbage does not hold it up: counts, leases without a claim, claims without a lease, leases and blocks that never end', async (t) => {
    const b = new Bench(t)
    await b.add('x', 'y', 'unleased', 'endless', 'far', 'unclaimed')
    await b.claim(5)
    await b.redis.hset(b.key('stalls'), 'x', 'garbage', 'y', '1e999', 'unclaimed', 99)
    await b.redis.zadd(b.key('leases'), '+inf', 'endless', Date.now() + 3 * LONG, 'far', 1, 'unclaimed')
    await b.redis.zrem(b.key('leases'), 'unleased')
    await b.redis.set(b.key('stallBlock'), 'and stays')
    await b.lapse('x', 'y')
    t.strictSame((await b.queue.recover('r.1', LONG, 2)).requeued.sort(), ['unclaimed', 'x', 'y'])
    t.match((await b.state()).stalls, { x: '1', y: '1' })
    for (const id of ['unleased', 'endless', 'far']) soon(t, await b.score('leases', id), LONG, id)
    t.equal((await b.waiting()).filter(id => id === 'unclaimed').length, 1)
  })

  t.test('a task that was cancelled while its worker was away is not run again', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.queue.cancel('a', text('a'), text('a', 'cancelled'), LONG)
    await b.lapse('a')
    t.strictSame(await b.queue.recover('r.1', LONG, 2), { requeued: [], buried: [{ id: 'a', text: text('a'), stalls: 1 }] })
    t.strictSame(await b.settle(['a', 'cancelled', LONG, 'r.1']), ['done'])
    t.strictSame(await b.state(), { 'done:cancelled': ['a'], jobs: ['a'] })
  })

  t.test('what a plain stall check put back stands there once; what has no record is forgotten', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'gone')
    await b.claim(3)
    await b.putBack('a')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.redis.sadd(b.key('cancelling'), 'gone')
    await b.lapse('a', 'b', 'gone')
    t.strictSame((await b.queue.recover('r.1', LONG, 2)).requeued.sort(), ['a', 'b'])
    const { waiting, ...rest } = await b.state()
    t.strictSame(waiting.sort(), ['a', 'b'])
    t.strictSame(rest, { stalls: { a: '1', b: '1' }, jobs: ['a', 'b'] })
  })

  t.test('of a task without a record its progress is forgotten too', async (t) => {
    const b = new Bench(t)
    await b.add('gone')
    await b.claim(1)
    await b.queue.update({ id: 'gone', token: 'w.1' }, '{}')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.lapse('gone')
    t.strictSame(await b.queue.recover('r.1', LONG, 2), { requeued: [], buried: [] })
    t.strictSame(await b.state(), { jobs: [] })
  })

  t.test('what a plain worker holds goes back at the second check that finds it, unless it says that it lives', async (t) => {
    const b = new Bench(t)
    await b.add('dead', 'alive', 'gone', 'ours')
    for (let i = 0; i < 3; i++) await b.hold()
    await b.claim(1, 'w.1', 20_000)
    const lease = await b.score('leases', 'ours')
    await b.redis.hdel(b.key('jobs'), 'gone')
    await b.redis.sadd(b.key('stalling'), 'ours')
    t.strictSame(await b.queue.recover('r.1', LONG, 2), { requeued: [], buried: [] })
    t.strictSame((await b.state()).stalling, ['alive', 'dead', 'gone'], 'a task with a claim is not among them')
    t.strictSame(await b.queue.recover('r.2', LONG, 2), { requeued: [], buried: [] }, 'one check within an interval')
    soon(t, Date.now() + await b.redis.pttl(b.key('stallBlock')), LONG, 'an interval')
    await b.redis.del(b.key('stallBlock'))
    await b.redis.srem(b.key('stalling'), 'alive')
    const { requeued } = await b.queue.recover('r.3', LONG, 2)
    t.strictSame(requeued, ['dead'])
    t.equal(await b.score('leases', 'ours'), lease, 'a check is no renewal')
    t.strictSame(await b.state(), { waiting: ['dead'], active: ['ours', 'alive'], claims: { ours: 'w.1' }, leases: ['ours'], stalling: ['alive'], jobs: ['alive', 'dead', 'ours'] })
  })
})

t.test('renew: the owner\'s leases only, and it tells what was lost and what to cancel', async (t) => {
  const b = new Bench(t)
  await b.add('a', 'b', 'c')
  await b.claim(2, 'w.1', 20_000)
  await b.claim(1, 'w.10', 20_000)
  await b.queue.cancel('b', text('b'), text('b', 'cancelled'), LONG)
  await b.redis.sadd(b.key('stalling'), 'a', 'b', 'c')
  const lease = await b.score('leases', 'c')
  t.strictSame(await b.queue.renew(LONG, held('a', 'b', 'c', 'nobody')), ['done', 'cancelled', 'lost', 'lost'])
  for (const id of ['a', 'b']) soon(t, await b.score('leases', id), LONG, id)
  t.equal(await b.score('leases', 'c'), lease)
  t.strictSame(await b.state(), { active: ['c', 'b', 'a'], claims: { a: 'w.1', b: 'w.1', c: 'w.10' }, leases: ['a', 'b', 'c'], stalling: ['c'], cancelling: ['b'], jobs: ['a', 'b', 'c'] })
})

t.test('cancel', async (t) => {
  const cancel = (b: Bench, id: string, ttl = LONG): Promise<string> => b.queue.cancel(id, text(id), text(id, 'cancelled'), ttl)

  t.test('a waiting or a delayed task never starts', async (t) => {
    const b = new Bench(t)
    await b.queue.addMany([{ id: 'd', text: text('d'), delay: 1 }, { id: 'e', text: text('e'), delay: 1 }])
    await b.add('w', 'x')
    for (const key of ['stalls', 'progress']) await b.redis.hset(b.key(key), 'w', 1)
    const events = await b.events(t)
    for (const [id, ttl] of [['w', LONG], ['x', 0], ['d', LONG], ['e', 0]] as const) t.equal(await cancel(b, id, ttl), 'cancelled')
    t.strictSame(await b.claim(9), [])
    t.strictSame(await b.state(), { 'done:cancelled': ['d', 'w'], jobs: ['d', 'w'] }, 'nothing else is left')
    soon(t, await b.score('done:cancelled', 'w'), LONG)
    t.equal((await b.queue.read('w'))!.text, text('w', 'cancelled'))
    await until('it is told', () => events.length === 4)
    t.strictSame(events, ['w', 'x', 'd', 'e'].map(id => `task:${id} cancelled`))
  })

  t.test('the worker of a running task is told', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    const before = await b.dump()
    const events = await b.events(t)
    t.equal(await cancel(b, 'a'), 'requested')
    t.equal(await cancel(b, 'a'), 'requested')
    t.strictSame(await b.dump(), { ...before, cancelling: ['a'] })
    await until('it is told', () => events.length === 2)
    t.strictSame(events, ['cancel a', 'cancel a'])
  })

  t.test('a task that a plain worker holds is left to it', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b', 'c')
    await b.hold()
    await b.claim(1)
    const before = await b.dump()
    t.equal(await cancel(b, 'a'), 'requested')
    t.strictSame(await b.dump(), before)
    t.equal(await cancel(b, 'c'), 'cancelled')
  })

  t.test('only the record that was read', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    const before = await b.dump()
    t.equal(await cancel(b, 'nobody'), 'unknown')
    t.equal(await b.queue.cancel('a', text('a', 'retrying'), text('a', 'cancelled'), LONG), 'changed')
    t.strictSame(await b.dump(), before)
  })

  t.test('in a long queue the id stays, and who claims it finds the record cancelled, or none', async (t) => {
    const b = new Bench(t)
    await b.add(...range(1, 1_001))
    for (const id of ['n1', 'n2', 'n3']) t.equal(await cancel(b, id), 'cancelled')
    t.equal((await b.waiting()).length, 1_001)
    await b.redis.hdel(b.key('jobs'), 'n2')
    const { jobs } = await b.queue.claim(4, 'w.1', LONG, false)
    t.strictSame(jobs.map(job => [job.id, job.text]), [['n1', text('n1', 'cancelled')], ['n3', text('n3', 'cancelled')], ['n4', text('n4')]])
  })

  t.test('of a task that stalled leaves nothing of its run', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.queue.update({ id: 'a', token: 'w.1' }, '{"stage":"X","progress":1}')
    await b.lapse('a')
    await b.queue.recover('r.1', LONG, 2)
    t.equal(await cancel(b, 'a', 0), 'cancelled')
    t.strictSame(await b.state(), { jobs: [] })
  })
})

t.test('retry', async (t) => {
  t.test('queues a failed task, once however many ask', async (t) => {
    const b = new Bench(t)
    await b.add('a', 'b')
    await b.claim(1)
    await b.settle(['a', 'failed'])
    const events = await b.events(t)
    t.equal(await b.queue.retry('a', text('a', 'other'), text('a')), 'changed')
    const asked = await Promise.all(range(1, 5).map(() => b.queue.retry('a', text('a', 'failed'), text('a', 'created again'))))
    t.strictSame(asked.sort(), ['changed', 'changed', 'changed', 'changed', 'queued'])
    t.strictSame(await b.state(), { waiting: ['a', 'b'], jobs: ['a', 'b'] })
    t.equal((await b.queue.read('a'))!.text, text('a', 'created again'))
    await until('it is told', () => events.length === 1)
    t.strictSame(events, ['task:a waiting'])
  })

  t.test('refuses what has not failed', async (t) => {
    const b = new Bench(t)
    await b.add('active', 'succeeded', 'cancelled', 'expired', 'waiting')
    await b.claim(4)
    await b.settle(['succeeded', 'succeeded'], ['cancelled', 'cancelled'], ['expired', 'expired'])
    const before = await b.dump()
    for (const [id, record] of Object.entries<string>(before.jobs)) t.equal(await b.queue.retry(id, record, text(id)), 'refused', id)
    t.equal(await b.queue.retry('nobody', '', text('nobody')), 'changed')
    t.strictSame(await b.dump(), before)
  })
})

t.test('update: by the owner only, and gone with the claim', async (t) => {
  const b = new Bench(t)
  await b.add('a')
  await b.claim(1, 'w.10')
  const events = await b.events(t)
  for (const token of ['w.1', 'w.2', '']) t.equal(await b.queue.update({ id: 'a', token }, '{"stage":"no"}'), false)
  t.equal((await b.queue.read('a'))!.live.progress, undefined)
  t.equal(await b.queue.update({ id: 'a', token: 'w.10' }, '{"stage":"X","progress":{"n":1}}'), true)
  t.strictSame((await b.queue.read('a'))!.live.progress, { stage: 'X', progress: { n: 1 } })
  await until('it is told', () => events.length > 0)
  t.strictSame(events, ['task:a progress'])
  await b.settle(['a', 'retry', 0, 'w.10'])
  t.equal((await b.queue.read('a'))!.live.progress, undefined)
  t.equal(await b.queue.update({ id: 'a', token: 'w.10' }, '{}'), false)
})

t.test('reap', async (t) => {
  const states = ['succeeded', 'failed', 'cancelled', 'expired'] as const

  t.test('removes what is past its time, and all else of those ids', async (t) => {
    const b = new Bench(t)
    await b.add(...states, 'waiting', 'stays')
    await b.claim(4)
    await b.settle(...states.map(state => [state, state, 1] as [string, typeof state, number]))
    t.equal(await b.queue.cancel('waiting', text('waiting'), text('waiting', 'cancelled'), 1), 'cancelled')
    await b.claim(1)
    await b.settle(['stays', 'failed', LONG])
    await until('their time passes', async () => await b.queue.reap(1_000) === 0 && await b.redis.hlen(b.key('jobs')) === 1)
    t.strictSame(await b.state(), { failed: ['stays'], 'done:failed': ['stays'], jobs: ['stays'] })
    await b.redis.zadd(b.key('done:failed'), 1, 'stays')
    t.equal(await b.queue.reap(1_000), 1)
    t.strictSame(await b.dump(), {}, 'no key is left')
  })

  t.test('takes the oldest first, so many of each state', async (t) => {
    const b = new Bench(t)
    for (const state of ['failed', 'cancelled']) {
      for (const i of [3, 1, 2]) {
        await b.redis.hset(b.key('jobs'), `${state}${i}`, '{}')
        await b.redis.zadd(b.key(`done:${state}`), i, `${state}${i}`)
        if (state === 'failed') await b.redis.sadd(b.key(state), `${state}${i}`)
      }
    }
    t.equal(await b.queue.reap(2), 4)
    t.strictSame(await b.state(), { 'done:cancelled': ['cancelled3'], 'done:failed': ['failed3'], failed: ['failed3'], jobs: ['cancelled3', 'failed3'] })
  })

  t.test('leaves a task that a plain Bee-Queue queued again', async (t) => {
    const b = new Bench(t)
    await b.add('a')
    await b.claim(1)
    await b.settle(['a', 'failed'])
    await b.redis.multi().srem(b.key('failed'), 'a').lpush(b.key('waiting'), 'a').exec() // its job.retry()
    await b.redis.zadd(b.key('done:failed'), 1, 'a')
    await b.queue.reap(1_000)
    t.strictSame(await b.claim(1, 'w.2'), ['a'])
  })
})

t.test('adopt gives what plain workers ended an expiry, page by page, once', async (t) => {
  const b = new Bench(t)
  const ids = range(1, 2_000)
  await b.redis.sadd(b.key('succeeded'), 'mine', ...ids)
  await b.redis.hset(b.key('jobs'), ...ids.flatMap(id => [id, '{}']))
  await b.redis.zadd(b.key('done:succeeded'), 5, 'mine')
  let [cursor, pages] = ['0', 0]
  do {
    cursor = await b.queue.adopt('succeeded', cursor, LONG)
    pages++
  } while (cursor !== '0')
  t.ok(pages > 1 && pages < 20, `${pages} pages`)
  t.equal(await b.redis.zcard(b.key('done:succeeded')), 2_001)
  t.equal(await b.score('done:succeeded', 'mine'), 5, 'ours keeps its own')
  soon(t, await b.score('done:succeeded', 'n1'), LONG)
  const before = await b.score('done:succeeded', 'n1')
  t.equal(await b.queue.adopt('succeeded', '0', 2 * LONG), '0')
  t.equal(await b.score('done:succeeded', 'n1'), before)
  t.equal(await b.queue.adopt('failed', '0', LONG), '0', 'nothing to adopt')
})

t.test('join: one stall interval for a queue, until its workers are gone', async (t) => {
  const b = new Bench(t)
  t.equal(await b.queue.join(LONG), LONG)
  t.equal(await b.queue.join(100), LONG, 'another finds the one in force')
  const ttl = (): Promise<number> => b.redis.pttl(b.key('stallInterval'))
  t.ok(await ttl() > LONG && await ttl() <= 2 * LONG)
  await b.redis.pexpire(b.key('stallInterval'), 1_000)
  t.equal(await b.queue.join(LONG), LONG)
  t.ok(await ttl() > LONG, 'its workers keep it')
  for (const garbage of [['x', 'PX', LONG], [String(LONG)]] as Array<[string]>) {
    await b.redis.set(b.key('stallInterval'), ...garbage)
    t.equal(await b.queue.join(100), 100, 'what is no number, or stays for ever, is no worker\'s')
  }
  await b.redis.del(b.key('stallInterval'))
  await b.queue.join(LONG)
  await b.redis.pexpire(b.key('stallInterval'), 20)
  await until('it is gone', async () => await b.queue.join(100) === 100)
})

t.test('read tells where a task is', async (t) => {
  const b = new Bench(t)
  const due = Date.now() + LONG
  await b.add('held', 'claimed', 'waiting')
  await b.queue.add({ id: 'delayed', text: text('delayed'), delay: due })
  await b.hold()
  const { now } = await b.queue.claim(1, 'w.1', LONG, false)
  const lives = { held: { held: true }, claimed: { claimedAt: now }, waiting: {}, delayed: { delayedTo: due } }
  for (const [id, live] of Object.entries(lives)) t.strictSame(await b.queue.read(id), { text: text(id), raw: Buffer.from(text(id)), live }, id)
  t.equal(await b.queue.read('nobody'), null)
  for (const garbage of ['x', 'null', '']) {
    await b.redis.hset(b.key('progress'), 'claimed', garbage)
    t.strictSame((await b.queue.read('claimed'))!.live.progress, undefined, garbage)
  }
})

t.test('wait tells that something waits, and takes nothing', async (t) => {
  const b = new Bench(t)
  t.equal(await b.queue.wait(0.05), false)
  const waits = [1, 2].map(() => b.queue.over(connect(t)).wait(10))
  await b.add('a')
  t.strictSame(await Promise.all(waits), [true, true], 'everybody')
  await b.add('b', 'c')
  const before = await b.dump()
  t.equal(await b.queue.wait(10), true)
  t.strictSame(await b.dump(), before)
})

t.test('a Redis that is out of memory', async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())

  /** Waiting w1, w2; delayed and due d; claimed c1 to c4, c4 with a cancel asked for; lapsed l1, l2 (cancelled); failed f. */
  async function full (t: Test): Promise<Bench> {
    const b = new Bench(t, server.url)
    await b.add('c1', 'c2', 'c3', 'c4', 'f', 'l1', 'l2', 'w1', 'w2')
    await b.claim(5)
    await b.settle(['f', 'failed'])
    await b.claim(2, 'w.2')
    for (const id of ['c4', 'l2']) await b.queue.cancel(id, text(id), text(id, 'cancelled'), LONG)
    await b.queue.add({ id: 'd', text: text('d'), delay: 1 })
    await b.lapse('l1', 'l2')
    await memory(b, 1)
    return b
  }

  const memory = (b: Bench, bytes: number): Promise<unknown> => b.redis.config('SET', 'maxmemory', bytes)

  const cancel = (b: Bench, id: string): Promise<string> => b.queue.cancel(id, text(id), text(id, 'cancelled'), LONG)
  const steps: Record<string, [run: (b: Bench) => Promise<unknown>, reply: unknown]> = {
    add: [b => b.queue.add({ id: 'new', text: text('new') }), true],
    'add, delayed': [b => b.queue.add({ id: 'new', text: text('new'), delay: 5 }), true],
    claim: [b => b.claim(3, 'w.9'), ['w1', 'w2', 'd']],
    'settle a result': [b => b.settle(['nobody', 'succeeded'], ['c1', 'succeeded'], ['c2', 'failed']), ['lost', 'done', 'done']],
    'settle a retry': [b => b.settle(['c1', 'retry', 0], ['c2', 'retry', LONG], ['c3', 'defer', 0], ['c4', 'retry', 0]), ['done', 'done', 'done', 'cancelled']],
    release: [b => b.queue.release(held('c1', 'nobody', 'c2', 'c4')), ['done', 'lost', 'done', 'cancelled']],
    recover: [b => b.queue.recover('r.1', LONG, 2), { requeued: ['l1'], buried: [{ id: 'l2', text: text('l2'), stalls: 1 }] }],
    'cancel what waits': [b => cancel(b, 'w1'), 'cancelled'],
    'cancel what is delayed': [b => cancel(b, 'd'), 'cancelled'],
    'cancel what runs': [b => cancel(b, 'c1'), 'requested'],
    retry: [b => b.queue.retry('f', text('f', 'failed'), text('f')), 'queued'],
    update: [b => b.queue.update({ id: 'c1', token: 'w.1' }, '{}'), true],
    renew: [b => b.queue.renew(LONG, held('c1', 'c4')), ['done', 'cancelled']]
  }

  for (const [what, [run, reply]] of Object.entries(steps)) {
    t.test(`refuses to ${what} as a whole, and does it once there is room`, async (t) => {
      const b = await full(t)
      const before = await b.dump()
      await t.rejects(run(b), { message: /OOM/ })
      t.strictSame(await b.dump(), before)
      await memory(b, 0)
      t.strictSame(await run(b), reply)
    })
  }

  t.test('loses nothing that a plain stall check put back', async (t) => {
    const b = await full(t)
    await memory(b, 0)
    await b.claim(0) // what is due waits
    await b.putBack('c1')
    await memory(b, 1)
    await b.claim(9, 'w.9').catch(() => {})
    await memory(b, 0)
    await b.claim(9, 'w.9')
    const { active, claims, waiting } = await b.state()
    t.strictSame(active.sort(), ['c1', 'c2', 'c3', 'c4', 'd', 'l1', 'l2', 'w1', 'w2'])
    t.equal(waiting, undefined)
    t.strictSame(claims, { c1: 'w.1', c2: 'w.1', c3: 'w.1', c4: 'w.1', l1: 'w.2', l2: 'w.2', w1: 'w.9', w2: 'w.9', d: 'w.9' })
  })

  t.test('can still be emptied: what is past its time is reaped', async (t) => {
    const b = await full(t)
    await memory(b, 0)
    await b.redis.zadd(b.key('done:failed'), 1, 'f')
    await memory(b, 1)
    t.equal(await b.queue.reap(1_000), 1)
    await memory(b, 0)
  })
})
