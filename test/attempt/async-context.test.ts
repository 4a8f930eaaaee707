/**
 * What a handler sets for its own async context is not seen by any other task, and by no request.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { build, where } from '../support/helpers.ts'

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

t.test('what was set where the worker was started is not seen by handlers: it may be of a request', async t => {
  const app = await build(t, where(), app => { app.tasks.define('sees', () => context.getStore() ?? null) })
  const worker = await context.run('of a request', () => app.tasks.startWorker())
  t.equal(await (await app.tasks.enqueue('sees')).result({ timeout: 60_000 }), null)
  await worker.close()
})
