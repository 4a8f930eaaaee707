/**
 * What a handler sets for its own async context is not seen by any other task, and by no request.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { build, reaches, where } from '../support/helpers.ts'
import type { DefineOptions, TaskHandle } from '../../lib/types.ts'

const context = new AsyncLocalStorage<string>()
const backoff = { strategy: 'immediate' } as const

t.test('enterWith in a handler ends with it: later tasks, retries and requests do not see it', async t => {
  for (const concurrency of [1, 5]) {
    const seen: Array<string | undefined> = []
    const app = await build(t, { ...where(), worker: { concurrency } }, app => {
      app.tasks.define('enters', async (data: string, task) => {
        seen.push(context.getStore())
        context.enterWith(data)
        await task.updateState('ENTERED')
        t.equal(context.getStore(), data, 'the handler itself keeps it')
        if (task.attempt === 1) throw new Error('once more')
      })
      app.get('/', async () => {
        await app.tasks.enqueue('enters', 'of a request', { retries: 1, backoff })
        return { seen: context.getStore() ?? 'nothing' }
      })
    })
    const items = Array.from({ length: 20 }, (_, i) => ({ data: `of task ${i}`, retries: 1, backoff }))
    const handles = await app.tasks.enqueueMany('enters', items)
    for (const handle of handles) await handle.result({ timeout: 60_000 })
    t.match((await app.inject('/')).json(), { seen: 'nothing' })
    const last = await app.tasks.enqueue('enters', 'last', { retries: 1, backoff })
    await last.result({ timeout: 60_000 })
    t.strictSame(seen.filter(store => store !== undefined), [])
    t.equal(context.getStore(), undefined)
  }
})

/** Functions of a task that may set something, by what they are to the task. */
const setters: Record<string, (enter: () => void) => DefineOptions<any, any>> = {
  'a hook in callback style': () => ({ preHandler: (_task, done) => context.run('of a hook', done) }),
  preHandler: enter => ({ preHandler: async () => enter() }),
  onSuccess: enter => ({ onSuccess: async () => enter() }),
  onError: enter => ({ onError: async () => enter() }),
  onFailed: enter => ({ onFailed: async () => enter() }),
  onAttemptEnd: enter => ({ onAttemptEnd: async () => enter() }),
  'onAttemptEnd in callback style': () => ({ onAttemptEnd: (_task, _end, done) => context.run('of a hook', done) }),
  retryIf: enter => ({ retryIf: () => { enter(); return true } }),
  'a backoff of its own': () => ({ backoff: { strategy: 'entering' } })
}

for (const [name, make] of Object.entries(setters)) {
  t.test(`what is set in ${name} is not seen by other tasks`, async t => {
    const seen: Array<string | undefined> = []
    const see = (): void => void seen.push(context.getStore())
    const enter = (): void => context.enterWith('of a function')
    const entering = (): number => { enter(); return 0 }
    const options = { ...where(), backoffStrategies: { entering } }
    const app = await build(t, options, app => {
      app.tasks.define('sets', { retries: 1, backoff, ...make(enter) }, (fails: boolean, { attempt }) => {
        if (attempt === 1 || fails) throw new Error('once more')
      })
      app.tasks.define('sees', see)
      app.tasks.define('sees-in-a-hook', { preHandler: async () => see() }, see)
    })
    // Many wait: each is started by the end of another one.
    const handles: TaskHandle[] = []
    for (let i = 0; i < 30; i++) {
      const name = ['sets', 'sees', 'sees-in-a-hook'][i % 3]!
      handles.push(await app.tasks.enqueue(name, i % 2 === 0))
    }
    await app.tasks.startWorker({ concurrency: 2 })
    for (const handle of handles) await handle.result({ timeout: 60_000 }).catch(() => {})
    t.strictSame(seen, new Array(30).fill(undefined))
  })
}

t.test('what is set where the abort of an attempt is heard is not seen by other tasks', async t => {
  const seen: Array<string | undefined> = []
  const app = await build(t, { ...where(), worker: { concurrency: 1 } }, app => {
    app.tasks.define('waits', async (_data, { signal }) => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => {
        context.enterWith('of a listener')
        resolve()
      }))
    })
    app.tasks.define('sees', () => void seen.push(context.getStore()))
  })
  for (let i = 0; i < 3; i++) {
    const { id } = await app.tasks.enqueue('waits')
    const next = await app.tasks.enqueue('sees')
    await reaches(app, id, 'active')
    await app.tasks.cancel(id)
    await next.result({ timeout: 60_000 })
  }
  t.strictSame(seen, [undefined, undefined, undefined])
})

t.test('what was set where the worker was started is not seen by handlers: it may be of a request', async t => {
  const app = await build(t, where(), app => { app.tasks.define('sees', () => context.getStore() ?? null) })
  const worker = await context.run('of a request', () => app.tasks.startWorker())
  t.equal(await (await app.tasks.enqueue('sees')).result({ timeout: 60_000 }), null)
  await worker.close()
})
