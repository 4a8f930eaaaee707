/**
 * The clock of a process is set while it enqueues and works. The clock of Redis counts: nothing starts early, or an
 * hour late.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import type { TaskContext } from '../../lib/types.ts'

// Before the rest is loaded: lib takes the clock of the process once.
const realNow = Date.now
let step = 0
Date.now = () => realNow() + step

const { build, reaches } = await import('../support/helpers.ts')

t.setTimeout(120_000)

const HOUR = 3_600_000
/** A wait, in ms. */
const SPAN = 1_500
const key = (): string => 'k'

for (const [title, ms] of [['forward', HOUR], ['back', -HOUR]] as const) {
  t.test(`an hour ${title}: waits are as long as they say, and the worker does not spin`, async t => {
    t.teardown(() => { step = 0 })
    const starts = new Map<string, number[]>()
    const once = async (_data: unknown, { id }: TaskContext): Promise<number> => {
      const times = starts.get(id) ?? []
      starts.set(id, times)
      return times.push(performance.now())
    }
    const app: FastifyInstance = await build(t, { worker: true }, ({ tasks }) => {
      tasks.define('plain', once)
      tasks.define('debounced', { debounce: { key, wait: SPAN } }, once)
      tasks.define('unique', { unique: { key, scope: SPAN } }, once)
      tasks.define('rated', { rate: { max: 1, timeWindow: SPAN } }, once)
      tasks.define('tried', { retries: 1, backoff: { strategy: 'fixed', delay: SPAN } }, async (data, task) => {
        if (await once(data, task) === 1) throw new Error('once more')
      })
    })
    let claims = 0
    const count = (): void => { claims++ }
    subscribe('fastify-tasks.claim', count)
    t.teardown(() => { unsubscribe('fastify-tasks.claim', count) })
    const startOf = async ({ id }: { id: string }, n = 0): Promise<number> => {
      await reaches(app, id, 'succeeded')
      return starts.get(id)![n]!
    }

    const before = performance.now()
    const earlier = await app.tasks.enqueue('plain', null, { delay: SPAN })
    step = ms
    t.ok(await startOf(earlier) - before >= SPAN - 20, 'enqueued before')
    const start = performance.now()
    const delayed = await app.tasks.enqueue('plain', null, { delay: SPAN, expires: 60_000 })
    const debounced = await app.tasks.enqueue('debounced')
    const [unique, second] = [await app.tasks.enqueue('unique'), await app.tasks.enqueue('unique')]
    t.strictSame([unique.created, second.created], [true, false])
    const [first, next] = await app.tasks.enqueueMany('rated', [{}, {}])
    const tried = await app.tasks.enqueue('tried')
    for (const handle of [delayed, debounced]) t.ok(await startOf(handle) - start >= SPAN - 20, handle.id)
    t.ok(await startOf(next!) - await startOf(first!) >= SPAN - 200, 'a rate') // from its start to that of the next
    t.ok(await startOf(tried, 1) - await startOf(tried) >= SPAN - 20, 'a retry')
    t.equal((await app.tasks.enqueue('unique')).created, true, 'a key is free after its time')
    t.ok(claims < 200, `${claims} claims`)
  })
}
