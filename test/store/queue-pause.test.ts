/**
 * Pauses in Redis: the scripts, and long lists.
 */
import t from 'tap'
import { until } from '../support/helpers.ts'
import { QueueFixture, range, text } from '../support/queue-fixture.ts'

const named = (id: string, name: string): { id: string, text: string } =>
  ({ id, text: text(id).replace('"name":"a"', `"name":"${name}"`) })

t.test('a pause takes what is on its way to an idle worker, and plain Bee-Queue workers find nothing', async t => {
  const f = new QueueFixture(t)
  await f.add('a', 'b')
  await f.redis.lmove(f.key('waiting'), f.key('handoff'), 'RIGHT', 'LEFT')
  t.equal(await f.queue.pause(null), true)
  await f.add('c')
  t.equal(await f.takeAsBeeQueue(), null)
  t.strictSame(await f.claim(9), [])
  await f.redis.lpush(f.key('waiting'), 'plain') // a plain producer knows no pause
  await f.redis.hset(f.key('jobs'), 'plain', text('plain'))
  t.strictSame(await f.claim(9), [])
  t.strictSame(await f.waiting(), [], 'the claim has moved it')
  t.equal(await f.queue.resume(null), true)
  t.strictSame(await f.claim(9), ['a', 'b', 'c', 'plain'])
  t.strictSame((await f.state()).parked, undefined, 'no key is left')
})

t.test('a wait that is on its way claims nothing of a paused queue', async t => {
  const f = new QueueFixture(t)
  const wait = await f.wait(t, 'w.1', 1)
  await f.queue.pause(null)
  await f.add('a')
  t.strictSame((await wait.claimed).jobs, [])
  t.strictSame((await f.state()).parked, ['a'])
  const next = await f.wait(t, 'w.2')
  await f.queue.resume(null)
  t.match((await next.claimed).jobs, [{ id: 'a' }], 'the resume wakes it')
})

t.test('those who watch a task hear of a pause and of its end', async t => {
  const f = new QueueFixture(t)
  const heard = await f.events(t)
  await f.queue.pause(null)
  await f.queue.resume(null)
  await until('they hear it', () => heard.includes('task:b resumed'))
  t.ok(heard.includes('task:a paused'))
})

t.test('a lost reply of a claim is asked for again, whatever is paused meanwhile', async t => {
  const f = new QueueFixture(t)
  await f.add('a')
  await f.claim(1, 'w.1')
  await f.queue.pause(null)
  t.strictSame(await f.claim(1, 'w.1', true), ['a'])
})

t.test('long lists: each call moves a part, and the order stays', async t => {
  const f = new QueueFixture(t)
  await f.queue.pause('held')
  await f.queue.addMany(range(1, 400).map(id => named(id, 'held')))
  await f.queue.addMany([named('free', 'b')])
  t.strictSame(await f.claim(10), ['free'], 'behind 400 of a paused name')
  t.equal((await f.queue.counts()).waiting, 400)
  await f.add(...range(1_001, 1_500))
  await f.add(...range(1_501, 2_200))
  await f.queue.pause(null)
  await f.claim(1)
  t.strictSame([await f.waiting(), (await f.queue.counts()).waiting], [[], 1_600])
  // Now more than 1,000 that came from a plain producer.
  const plain = range(3_001, 4_100)
  await f.redis.hset(f.key('jobs'), ...plain.flatMap(id => [id, text(id)]))
  await f.redis.lpush(f.key('waiting'), ...plain)
  await f.queue.resume('held')
  await f.queue.resume(null)
  t.equal(await f.redis.exists(f.key('returning')), 1)
  t.equal((await f.queue.counts()).waiting, 2_700)
  const page = await f.queue.pageOf('waiting', 5, { id: 'n3001', place: 0 })
  t.strictSame(page.ids, range(3_002, 3_006), 'it is listed')
  t.strictSame(await f.claim(3), ['n1', 'n2', 'n3'])
  const rest: string[] = []
  for (let ids = await f.claim(500); ids.length > 0; ids = await f.claim(500)) rest.push(...ids)
  t.strictSame(rest, [...range(4, 400), ...range(1_001, 2_200), ...plain])
  t.equal(await f.redis.exists(f.key('returning'), f.key('parked'), f.key('paused')), 0)
})

t.test('a pause before the end of a resume loses nothing', async t => {
  const f = new QueueFixture(t)
  await f.queue.pause(null)
  await f.add(...range(1, 10))
  const plain = range(3_001, 4_100)
  await f.redis.hset(f.key('jobs'), ...plain.flatMap(id => [id, text(id)]))
  await f.redis.lpush(f.key('waiting'), ...plain)
  await f.queue.resume(null)
  await f.queue.pause(null)
  await f.redis.lpush(f.key('waiting'), ...plain.map(id => `${id}x`))
  await f.redis.hset(f.key('jobs'), ...plain.flatMap(id => [`${id}x`, text(id)]))
  t.equal(await f.queue.resume(null), true)
  const all = new Set<string>()
  for (let ids = await f.claim(500); ids.length > 0; ids = await f.claim(500)) for (const id of ids) all.add(id)
  t.equal(all.size, 2_210)
})

t.test('a record that another producer wrote in another order is held back by its name too', async t => {
  const f = new QueueFixture(t)
  await f.queue.pause('a')
  for (const record of ['{"options":{},"data":{"data":1,"name":"a"}}', '{"data":null}', 'no json']) {
    await f.queue.addMany([{ id: record, text: record }])
  }
  t.strictSame(await f.claim(9), ['{"data":null}', 'no json'])
  t.strictSame((await f.state()).parked, ['{"options":{},"data":{"data":1,"name":"a"}}'])
})

t.test('the id of a task that is removed in a long parked list is dropped later', async t => {
  const f = new QueueFixture(t)
  await f.add(...range(1, 1_100))
  await f.queue.pause(null)
  t.equal(await f.queue.remove('n1'), 'removed')
  t.equal((await f.queue.counts()).waiting, 1_099)
  await f.claim(1)
  await f.queue.resume(null)
  t.strictSame(await f.claim(2), ['n2'])
})
