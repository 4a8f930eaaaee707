/**
 * The scripts, through the queue that runs them: a Redis that is out of memory.
 */
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { Bench, held, LONG, text } from '../support/queue-fixture.ts'

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
    'settle a result': [b => b.settle(['nobody', 'succeeded'], ['c1', 'succeeded'], ['c2', 'failed']), ['lost', 'owned', 'owned']],
    'settle a retry': [b => b.settle(['c1', 'retry', 0], ['c2', 'retry', LONG], ['c3', 'defer', 0], ['c4', 'retry', 0]), ['owned', 'owned', 'owned', 'cancelRequested']],
    release: [b => b.queue.release(held('c1', 'nobody', 'c2', 'c4')), ['owned', 'lost', 'owned', 'cancelRequested']],
    recover: [b => b.queue.upkeep.recover('r.1', LONG, 2), { requeued: ['l1'], exhausted: [{ id: 'l2', text: text('l2'), stalls: 1 }] }],
    'cancel what waits': [b => cancel(b, 'w1'), 'cancelled'],
    'cancel what is delayed': [b => cancel(b, 'd'), 'cancelled'],
    'cancel what runs': [b => cancel(b, 'c1'), 'requested'],
    retry: [b => b.queue.retry('f', text('f', 'failed'), text('f')), 'queued'],
    update: [b => b.queue.updateProgress({ id: 'c1', token: 'w.1' }, '{}'), true],
    renew: [b => b.queue.renew(LONG, held('c1', 'c4')), ['owned', 'cancelRequested']]
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
    t.equal(await b.queue.upkeep.prune(1_000), 1)
    await memory(b, 0)
  })
})
