import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, latch, reaches } from '../support/helpers.ts'

t.test('a timeout aborts the attempt, and counts as a failure', async t => {
  const reasons: string[] = []
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { timeout: 50, retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      await sleep(60_000, undefined, { signal: task.signal }).catch(() => { reasons.push(task.signal.reason.code) })
      return 'too late'
    })
  })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'failed'), { attempt: 2, error: { code: 'FST_TASKS_TIMEOUT', message: /50 ms/ }, result: null })
  t.same(reasons, ['FST_TASKS_TIMEOUT', 'FST_TASKS_TIMEOUT'])
})

t.test('task.signal that is first read after the timeout is already aborted', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { timeout: 30 }, async (_data, task) => {
      await sleep(100)
      if (task.signal.aborted) throw task.signal.reason
    })
  })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'failed'), { error: { code: 'FST_TASKS_TIMEOUT' } })
})

t.test('a handler that continues after its timeout keeps its slot: concurrency is never exceeded', async t => {
  let running = 0
  let most = 0
  const gate = latch()
  const app = await build(t, { worker: { concurrency: 2 } }, app => {
    app.tasks.define('x', { timeout: 30, retries: 3, backoff: { strategy: 'immediate' } }, async () => {
      most = Math.max(most, ++running)
      await gate.promise
      running--
    })
  })
  const first = await app.tasks.enqueue('x')
  const second = await app.tasks.enqueue('x')
  // The attempts are settled, but the handlers still have both slots: the next attempts cannot start.
  await reaches(app, first.id, 'retrying')
  await reaches(app, second.id, 'retrying')
  t.equal(running, 2)
  gate.open()
  await reaches(app, first.id, 'succeeded')
  await reaches(app, second.id, 'succeeded')
  t.equal(most, 2)
})

t.test('timeout: 0 turns off the timeout of the plugin', async t => {
  const app = await build(t, { worker: true, timeout: 20 }, app => {
    app.tasks.define('x', { timeout: 0 }, () => sleep(60, 'done'))
  })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'succeeded'), { result: 'done' })
})
