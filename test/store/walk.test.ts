import t from 'tap'
import { afterCommonStart } from '../../lib/store/redis/common-start.ts'
import { QueueFixture, range, text } from '../support/queue-fixture.ts'

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(other), Buffer.from(one))

t.test('pages of a sorted set go on behind the last id, which may be gone, among many of the same time', async t => {
  for (const limit of [1, 7, 50, 120]) {
    const f = new QueueFixture(t)
    const key = f.key('done:failed')
    const ids = range(1, 350).map(id => `${id}ä`)
    const few = range(401, 460)
    await f.redis.zadd(key, ...few.flatMap(id => [4.5, id]))
    await f.redis.zadd(key, ...ids.flatMap(id => [5, id]), 4, 'low', 6, 'high', '-inf', 'never', '+inf', 'ever')
    const found: string[] = []
    for (let position: string | null = null, pages = 0; pages === 0 || position !== null; pages++) {
      const page = await f.queue.walk.page('failed', limit, position)
      t.ok(page.ids.length <= limit)
      found.push(...page.ids)
      position = page.next
      if (pages % 2 === 0 && page.ids.length > 0) await f.redis.zrem(key, page.ids.at(-1)!)
    }
    t.same(found, ['ever', 'high', ...ids.toSorted(byBytes), ...few.toReversed(), 'low', 'never'], `by ${limit}`)
  }
})

t.test('a text is sent as what it has of another one, and the rest', async t => {
  const texts = [
    '', 'a', 'ab', 'abc', 'aäb', 'aäbc', 'ä', 'ö', '\u{1F600}', '\u{1F601}', 'a\u{1F600}b', 'a\u{1F601}b', 'aäc'
  ]
  for (const before of texts) {
    for (const after of texts) {
      const [bytes, rest] = afterCommonStart(before, after)
      const whole = Buffer.concat([Buffer.from(before).subarray(0, bytes), Buffer.from(rest)])
      t.equal(whole.toString(), after, `${before} and ${after}`)
    }
  }
  t.same(afterCommonStart('{"a":"äx","b":1}', '{"a":"äx","b":23}'), [15, '23}'])
  t.same(afterCommonStart(Buffer.from('abc'), 'abd'), [0, 'abd'], 'of bytes nothing')
})

t.test('many tasks are cancelled with their new records, by what these have of the old ones', async t => {
  const f = new QueueFixture(t)
  const ids = range(1, 150)
  const before = ids.map(id => text(`${id} \u{1F600}ä`))
  const after = ids.map((id, i) => text(`${id} ${i % 3 === 0 ? '\u{1F601}' : '\u{1F600}'}ä`, 'cancelled'))
  await f.redis.hset(f.key('jobs'), ...ids.flatMap((id, i) => [id, before[i]!]))
  await f.redis.lpush(f.key('waiting'), ...ids)
  const tasks = ids.map((id, i) =>
    ({ id, before: i % 5 === 0 ? Buffer.from(before[i]!) : before[i]!, after: after[i]!, ttl: 60_000 }))
  t.same(new Set(await f.queue.many.cancel(tasks)), new Set(['cancelled']))
  t.same(await f.redis.hmget(f.key('jobs'), ...ids), after)
  t.equal(await f.redis.exists(f.key('waiting')), 0)
})

t.test('a record that is no text is read as bytes, so that it can be compared', async t => {
  const f = new QueueFixture(t)
  const bytes = Buffer.from([0x7b, 0xff, 0xc3, 0x28, 0x7d])
  await f.redis.hset(f.key('jobs'), 'a', text('a'), 'b', bytes)
  t.match(await f.queue.walk.read(['a', 'c'], 1_000), [{ raw: text('a'), text: text('a') }, null])
  const [a, b] = await f.queue.walk.read(['a', 'b'], 1_000, true)
  t.same([a!.raw, b!.raw], [Buffer.from(text('a')), bytes])
  t.equal(b!.text, bytes.toString())
})
