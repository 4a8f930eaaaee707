/**
 * Data, progress and results that Redis' own parser of JSON refuses: half of an emoji, and as many levels as may be.
 */
import t from 'tap'
import { build, connect, inRedis, randomPrefix, reaches, until } from '../support/helpers.ts'

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

/** A text that was cut, an escape that only looks like one, and nesting. */
const odd = { cut: '😀'.slice(0, 1), text: '\\ud83d', whole: '😀' }
const values = { odd, deep: nested(1_000) }

for (const [what, value] of Object.entries(values)) {
  t.test(`${what}: a task between two attempts holds its key of unique, and no purge takes it`, async t => {
    const app = await build(t, { worker: true }, app => {
      app.tasks.define('sync', {
        unique: { key: () => 'a' }, retries: 1, backoff: { strategy: 'fixed', delay: 3_600_000 }
      }, async (_data, task) => {
        await task.reportProgress(value)
        throw new Error('again')
      })
    })
    const first = await app.tasks.enqueue('sync', value)
    t.strictSame((await reaches(app, first.id, 'retrying')).progress, value)
    t.match(await app.tasks.enqueue('sync', value), { created: false, id: first.id })
    t.equal(await app.tasks.purge('default'), 0)
    t.match(await first.status(), { state: 'retrying' })
  })

  t.test(`${what}: a key of unique counts for so many ms, whatever the result`, async t => {
    const app = await build(t, { worker: true }, app => {
      app.tasks.define('sync', { unique: { key: () => 'a', scope: 3_600_000 } }, async () => value)
    })
    const first = await app.tasks.enqueue('sync')
    t.strictSame((await reaches(app, first.id, 'succeeded')).result, value)
    t.match(await app.tasks.enqueue('sync'), { created: false, id: first.id })
  })

  inRedis(`${what}: a pause of a name holds for a record whose name is not its first`, 'no other producer', async t => {
    const prefix = randomPrefix()
    const app = await build(t, { prefix }, app => { app.tasks.define('x', async () => {}) })
    await app.tasks.pause({ name: 'x' })
    const [redis, data] = [connect(t), JSON.stringify({ data: value, name: 'x' })]
    const record = `{"data":${data},"options":{"timestamp":1},"status":"created"}`
    const key = (name: string): string => `${prefix}:{default}:${name}`
    await redis.hset(key('jobs'), 'other', record)
    await redis.lpush(key('waiting'), 'other')
    await app.tasks.startWorker()
    await until('the worker has taken it from the list', async () => await redis.llen(key('waiting')) === 0)
    t.match(await app.tasks.status('other'), { state: 'waiting', blockedBy: { kind: 'pause' } })
  })
}
