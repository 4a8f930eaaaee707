/**
 * A handler runs in no request's async context, whoever started its worker and whatever woke it: in memory mode as with
 * Redis.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import t from 'tap'
import { build, randomPrefix, REDIS_URL } from '../support/helpers.ts'
import type { TasksOptions } from '../../lib/types.ts'

const modes: Record<string, () => TasksOptions> = {
  memory: () => ({ mode: 'memory', redis: undefined }),
  'memory, workers only for drain': () => ({ mode: 'memory', redis: undefined, worker: false }),
  redis: () => ({ redis: REDIS_URL, prefix: randomPrefix(), worker: true })
}

for (const [name, options] of Object.entries(modes)) {
  t.test(`${name}: a handler, its retry and its abort see no request's AsyncLocalStorage`, async t => {
    const store = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const app = await build(t, options(), app => {
      app.addHook('onRequest', (request, _reply, done) => store.run(request.url, done))
      const backoff = { strategy: 'immediate' }
      app.tasks.define('x', { retries: 1, backoff }, async (_data, task) => {
        seen.push(store.getStore())
        if (task.attempt === 1) throw new Error('again')
      })
      app.tasks.define('long', async (_data, task) => {
        task.signal.addEventListener('abort', () => seen.push(store.getStore()))
        await task.reportProgress(1)
        await once(task.signal, 'abort')
      })
      app.get('/run/:n', async () => {
        const handle = await app.tasks.enqueue('x')
        if (options().worker === false) await app.tasks.drain({ delayed: true })
        if (options().mode && options().worker !== false) await app.tasks.advance(1)
        await handle.result({ timeout: 10_000 })
        return store.getStore()
      })
      app.get('/cancel', async () => {
        const handle = await app.tasks.enqueue('long')
        const drained = options().worker === false ? app.tasks.drain() : null
        for (let running = false; !running;) running = (await handle.status())?.progress === 1
        await handle.cancel()
        await drained
        await handle.result().catch(() => {})
        return store.getStore()
      })
    })
    for (const url of ['/run/1', '/run/2', '/cancel']) t.equal((await app.inject(url)).body, url)
    t.same(seen, Array(5).fill(undefined))
  })
}

t.test('a worker that a request starts runs the tasks of all requests', async t => {
  const store = new AsyncLocalStorage<string>()
  const app = await build(t, { redis: REDIS_URL, prefix: randomPrefix() }, app => {
    app.tasks.define('x', async () => store.getStore() ?? null)
    app.get('/start', () => store.run('the starter', () => app.tasks.startWorker()).then(() => 'started'))
  })
  await app.inject('/start')
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 10_000 }), null)
})
