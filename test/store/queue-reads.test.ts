/**
 * Tasks are read together as each would be read alone, as many as one reply should have.
 */
import t from 'tap'
import { QueueFixture, range, text } from '../support/queue-fixture.ts'
import type { RawTask } from '../../lib/store/contract.ts'

t.test('tasks in each state, ids of nothing, one twice: as one by one', async t => {
  const f = new QueueFixture(t)
  await f.add('claimed', 'ended', 'held')
  await f.claim(2)
  await f.queue.updateProgress({ id: 'claimed', token: 'w.1' }, JSON.stringify(['half', 0.5]))
  await f.settle(['ended', 'succeeded'])
  await f.takeAsBeeQueue()
  await f.queue.add({ id: 'delayed', text: text('delayed'), delay: 9_999_999_999_999 })
  await f.queue.add({ id: 'gated', text: text('gated') })
  await f.queue.add({ id: 'both', text: text('both') })
  await f.redis.zadd(f.key('gated'), 1, 'gated', 1, 'both')
  await f.redis.lpush(f.key('active'), 'both')
  await f.redis.hset(f.key('jobs'), 'bytes', Buffer.from([0xff, 0x7b, 0x00]))
  await f.queue.pause(null)
  const ids = ['none', 'claimed', 'ended', 'held', 'delayed', 'gated', 'both', 'bytes', 'claimed', '']
  const alone: Array<RawTask | null> = []
  for (const id of ids) alone.push(await f.queue.readTask(id))
  t.strictSame(await f.queue.readTasks(ids), alone)
  const [none, claimed, ended, held, delayed, gated, both, bytes] = alone
  t.equal(none, null)
  t.match(claimed, { live: { claimedAt: Number, progress: Object, paused: undefined, held: undefined } })
  t.match(ended, { text: text('ended', 'succeeded') })
  t.match(held, { live: { held: true, gated: undefined, paused: [''] } })
  t.strictSame(delayed!.live, { delayedTo: 9_999_999_999_999 })
  t.match(gated, { live: { gated: true, held: undefined, paused: [''] } })
  t.match(both, { live: { gated: true, held: true } })
  t.strictSame(bytes!.raw, Buffer.from([0xff, 0x7b, 0x00]), 'bytes that are not UTF-8')
})

t.test('a call ends after 1 MiB of records, and has at least one', async t => {
  const f = new QueueFixture(t)
  const large = (id: string, size: number): string => text(id, 'x'.repeat(size))
  const ids = range(1, 8)
  for (const id of ids) await f.redis.hset(f.key('jobs'), id, large(id, 400_000))
  await f.redis.hset(f.key('jobs'), 'huge', large('huge', 3_000_000))
  const texts = async (ids: string[]): Promise<unknown> =>
    (await f.queue.readTasks(ids)).map(task => task === null ? null : task.text)
  t.strictSame(await texts(['none', ...ids]), [null, ...['n1', 'n2', 'n3'].map(id => large(id, 400_000))])
  t.strictSame(await texts(['huge', 'n1']), [large('huge', 3_000_000)])
  t.strictSame(await texts(['n1', 'none', 'nobody']), [large('n1', 400_000), null, null])
})

t.test('a call reads fewer tasks, and at least one, while plain Bee-Queue workers hold many', async t => {
  const f = new QueueFixture(t)
  await f.add('a', 'b', 'c', 'd')
  const count = async (): Promise<number> => (await f.queue.readTasks(['a', 'none', 'b', 'c', 'd'])).length
  t.equal(await count(), 5)
  const others = range(1, 50_000)
  for (let i = 0; i < others.length; i += 5_000) await f.redis.lpush(f.key('active'), ...others.slice(i, i + 5_000))
  t.equal(await count(), 2)
  await f.redis.rpush(f.key('active'), 'a')
  for (let i = 0; i < others.length; i += 5_000) await f.redis.lpush(f.key('active'), ...others.slice(i, i + 5_000))
  const [a, ...rest] = await f.queue.readTasks(['a', 'b'])
  t.same(rest, [])
  t.match(a, { live: { held: true } })
})
