/**
 * Hooks of tasks that run in threads, and of tasks whose worker died.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { threadId } from 'node:worker_threads'
import t from 'tap'
import { build, claimByDeadWorker, connect, randomPrefix, reaches, until } from '../support/helpers.ts'
import type { StalledTask } from '../../lib/types.ts'

const thread = new URL('../fixtures/threads/deeds.js', import.meta.url)

t.test('a task in a thread: its hooks run in this process, around the thread', async t => {
  const session = new AsyncLocalStorage<number>()
  const seen: unknown[] = []
  const app = await build(t, { prefix: randomPrefix(), worker: true }, app => {
    app.tasks.define('x', {
      thread,
      timeout: 60_000,
      preHandler: (_task, done) => session.run(threadId, done),
      onSuccess: async (task, result) => {
        seen.push(['onSuccess', task.app === app, result !== threadId, session.getStore()])
      },
      onError: async (_task, error) => { seen.push(['onError', error.message]) }
    })
  })
  t.ok(await (await app.tasks.enqueue('x', { do: 'thread' })).result({ timeout: 60_000 }))
  await reaches(app, (await app.tasks.enqueue('x', { do: 'bigint' })).id, 'failed')
  t.match(seen, [['onSuccess', true, true, threadId], ['onError', /BigInt|JSON/]])
})

t.test('a hook before a thread counts for the timeout, and its wait for a thread does not', async t => {
  const app = await build(t, { prefix: randomPrefix(), worker: true }, app => {
    const preHandler = (task: any): unknown =>
      task.data.hold && new Promise<void>(resolve => task.signal.addEventListener('abort', () => resolve()))
    app.tasks.define('x', { thread, timeout: 500, preHandler })
  })
  const { id } = await app.tasks.enqueue('x', { hold: true, do: 'thread' })
  t.match(await reaches(app, id, 'failed'), { error: { code: 'FST_TASKS_TIMEOUT' } })
})

t.test('onStalled is called in the worker that takes the task back', async t => {
  const prefix = randomPrefix()
  const seen: unknown[] = []
  const app = await build(t, { prefix, stallInterval: 10_000 }, async app => {
    await app.register(async scope => {
      scope.tasks.addHook('onStalled', async (task, { outcome }) => {
        seen.push(['scope', task.id, task.name, task.data, task.attempt, outcome])
        throw new Error('logged only')
      })
      scope.tasks.define('x', { onStalled: (task, _stall, done) => { seen.push(['own', task.id]); done() } }, () => 1)
    })
    app.tasks.define('y', () => 1)
  })
  const { id } = await app.tasks.enqueue('x', { n: 1 })
  const other = await app.tasks.enqueue('y')
  await claimed(t, prefix, id, other.id)
  await app.tasks.startWorker()
  await other.result({ timeout: 60_000 })
  await until('both hooks are called', () => seen.length === 2)
  t.strictSame(seen, [['scope', id, 'x', { n: 1 }, 1, 'requeued'], ['own', id]])
  await reaches(app, id, 'succeeded')
})

t.test('a task that stalled too often: onStalled and onFailed', async t => {
  const prefix = randomPrefix()
  const seen: unknown[] = []
  const app = await build(t, { prefix, stallInterval: 10_000, maxStalls: 0 }, app => {
    app.tasks.define('x', {
      onStalled: async (task: StalledTask, { outcome }) => {
        seen.push(['onStalled', task.id, outcome, ofAttempt(task)])
      },
      onFailed: async (task, error) => { seen.push(['onFailed', task.id, error.code, ofAttempt(task)]) },
      onAttemptEnd: async () => { seen.push('no attempt ran here') }
    }, () => 1)
  })
  const { id } = await app.tasks.enqueue('x')
  await claimed(t, prefix, id)
  await app.tasks.startWorker()
  t.match(await reaches(app, id, 'failed'), { error: { code: 'FST_TASKS_STALLED' } })
  await until('both hooks are called', () => seen.length === 2)
  t.strictSame(seen, [['onStalled', id, 'failed', []], ['onFailed', id, 'FST_TASKS_STALLED', []]])
})

/** What a hook has of these: nothing of a task that stalled. */
const ofAttempt = (task: object): string[] =>
  ['signal', 'updateState', 'reportProgress'].filter(name => name in task)

/** As if these tasks had been claimed by a worker that died. */
async function claimed (t: any, prefix: string, ...ids: string[]): Promise<void> {
  const redis = connect(t)
  await redis.lrem(`${prefix}:{default}:waiting`, 0, ids[0]!)
  for (const id of ids.slice(1)) await redis.lrem(`${prefix}:{default}:waiting`, 0, id)
  await claimByDeadWorker(redis, prefix, ...ids)
}
