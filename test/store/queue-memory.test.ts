/**
 * The scripts, through the queue that runs them, in a Redis that is out of memory.
 */
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { claimsOf, LONG, QueueFixture, text } from '../support/queue-fixture.ts'

t.test('a Redis that is out of memory', async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())

  const setMemory = (f: QueueFixture, bytes: number): Promise<unknown> => f.redis.config('SET', 'maxmemory', bytes)

  const cancel = (f: QueueFixture, id: string): Promise<string> =>
    f.queue.cancel(id, text(id), text(id, 'cancelled'), LONG)

  /**
   * Waiting: w1, w2. Delayed and due: d. Claimed: c1 to c4, with a cancel requested for c4. With an expired lease: l1
   * and l2, with a cancel requested for l2. Failed: f.
   */
  async function outOfMemory (t: Test): Promise<QueueFixture> {
    const f = new QueueFixture(t, server.url)
    await f.add('c1', 'c2', 'c3', 'c4', 'f', 'l1', 'l2', 'w1', 'w2')
    await f.claim(5)
    await f.settle(['f', 'failed'])
    await f.claim(2, 'dead.2')
    for (const id of ['c4', 'l2']) await cancel(f, id)
    await f.queue.add({ id: 'd', text: text('d'), delay: 1 })
    await f.expireLease('dead')
    await setMemory(f, 1)
    return f
  }

  const steps: Record<string, [run: (f: QueueFixture) => Promise<unknown>, reply: unknown]> = {
    'add a task': [f => f.queue.add({ id: 'new', text: text('new') }), true],
    'add a delayed task': [f => f.queue.add({ id: 'new', text: text('new'), delay: 5 }), true],
    claim: [f => f.claim(3, 'w.9'), ['w1', 'w2']],
    'queue due tasks': [async f => (await f.upkeep.queueDue('w')).next, null],
    'settle results': [
      f => f.settle(['nobody', 'succeeded'], ['c1', 'succeeded'], ['c2', 'failed']),
      ['lost', 'owned', 'owned']
    ],
    'settle retries': [
      f => f.settle(['c1', 'retry', 0], ['c2', 'retry', LONG], ['c3', 'defer', 0], ['c4', 'retry', 0]),
      ['owned', 'owned', 'owned', 'cancelRequested']
    ],
    release: [
      f => f.queue.release(claimsOf('c1', 'nobody', 'c2', 'c4')),
      ['owned', 'lost', 'owned', 'cancelRequested']
    ],
    sweep: [
      f => f.sweep(),
      { requeued: ['l1'], exhausted: [{ id: 'l2', text: text('l2'), stalls: 1, token: 'dead.2' }] }
    ],
    'cancel a waiting task': [f => cancel(f, 'w1'), 'cancelled'],
    'cancel a delayed task': [f => cancel(f, 'd'), 'cancelled'],
    'cancel a running task': [f => cancel(f, 'c1'), 'requested'],
    retry: [f => f.queue.retry('f', text('f', 'failed'), text('f')), 'queued'],
    'store progress': [f => f.queue.updateProgress({ id: 'c1', token: 'w.1' }, '{}'), true]
  }

  for (const [what, [run, reply]] of Object.entries(steps)) {
    t.test(`refuses to ${what} as a whole, and does it when there is memory again`, async (t) => {
      const f = await outOfMemory(t)
      const before = await f.dump()
      await t.rejects(run(f), { message: /OOM/ })
      t.strictSame(await f.dump(), before)
      await setMemory(f, 0)
      t.strictSame(await run(f), reply)
    })
  }

  t.test('renews leases: that needs no memory', async (t) => {
    const f = await outOfMemory(t)
    t.strictSame(await f.queue.renew('w', 1), { kept: true, cancels: true })
    t.strictSame(await f.queue.renew('dead', 1), { kept: false, cancels: true })
    t.strictSame(await f.queue.checkClaims(claimsOf('c1', 'c4', 'l1')), ['owned', 'cancelRequested', 'lost'])
    await setMemory(f, 0)
  })

  t.test('can still be emptied: expired records are removed', async (t) => {
    const f = await outOfMemory(t)
    await setMemory(f, 0)
    await f.redis.zadd(f.key('done:failed'), 1, 'f')
    await setMemory(f, 1)
    t.equal(await f.upkeep.prune(1_000), 1)
    await setMemory(f, 0)
  })
})
