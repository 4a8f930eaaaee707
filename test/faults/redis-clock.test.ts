/**
 * The clock of Redis is set while tasks run: by libfaketime (Debian: faketime), which the server loads.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import { group, RateLimited, Snooze } from '../../lib/plugin.ts'
import { build, connect, latch, randomPrefix, reaches, ticks, until } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'
import type { TaskContext } from '../../lib/types.ts'

t.setTimeout(120_000)
t.jobs = 3 // each test has a server of its own, and mostly waits

const STALL = 1_000
const HOUR = 3_600
/** A wait, in ms. */
const SPAN = 2_000
const FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
const LIBRARY = FOLDERS.map(folder => join(folder, 'faketime', 'libfaketime.so.1')).find(file => existsSync(file))
/** Behind it the C library: jemalloc, which Redis would use, asks for the time before libfaketime is ready. */
const PRELOAD = `${LIBRARY}:libc.so.6`
const skip = LIBRARY ? false : 'libfaketime is not installed (Debian: faketime)'

interface Clock { redis: RunningRedis, set: (seconds: number) => Promise<void> }

/** A Redis whose clock can be set to so many seconds before or after that of the machine. */
async function startWithClock (t: Test): Promise<Clock> {
  const file = join(t.testdir(), 'time')
  writeFileSync(file, '+0')
  const redis = await startRedis({
    env: { LD_PRELOAD: PRELOAD, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' }
  })
  t.teardown(() => redis.stop())
  const client = connect(t, redis.url)
  return {
    redis,
    async set (seconds) {
      writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}`)
      const isSet = async (): Promise<boolean> =>
        Math.abs((await client.time())[0] - Math.round(Date.now() / 1_000) - seconds) < 60
      await until('the clock is set', isSet)
    }
  }
}

for (const [title, seconds] of [['forward', HOUR], ['back', -HOUR]] as const) {
  const name = `an hour ${title}: running tasks keep their leases, new delays and expiries are as long as they say`
  t.test(name, { skip }, async t => {
    const { redis, set } = await startWithClock(t)
    const prefix = randomPrefix()
    const mayEnd = latch()
    const runs = new Map<string, number>()
    let quick: any
    const define = (app: FastifyInstance): void => {
      app.tasks.define('held', async (_data, { id }) => {
        runs.set(id, (runs.get(id) ?? 0) + 1)
        await mayEnd.promise
      })
      quick = app.tasks.define('quick', data => data)
    }
    const options = { prefix, redis: redis.url, worker: { concurrency: 4 }, stallInterval: STALL }
    const app = await build(t, options, define)
    // Each measures the clock for itself.
    const [second, third] = [await build(t, options, define), await build(t, { ...options, worker: false }, define)]
    const held = await app.tasks.enqueueMany('held', [1, 2, 3, 4].map(data => ({ data })))
    for (const { id } of held) await reaches(app, id, 'active')
    const client = connect(t, redis.url)
    await ticks(client, prefix, 2)
    await set(seconds)
    await ticks(client, prefix, 1) // what was measured 100 ms ago is measured again
    const start = performance.now()
    const soon = { delay: 300, expires: 60_000 }
    const tasks = [
      await app.tasks.enqueue('quick', 'one', { ...soon, tags: ['soon'] }),
      ...await second.tasks.enqueueMany('quick', [{ data: 'many', ...soon }, { data: 'at once' }]),
      await third.tasks.enqueueFlow(group(quick.signature('member')), soon)
    ]
    for (const task of tasks) t.match(await task.result({ timeout: 60_000 }), /^(one|many|at once)$|member/)
    const took = performance.now() - start
    const [tag] = await client.zrange(`${prefix}:{default}:tags`, 0, '-1')
    const { enqueuedAt } = (await app.tasks.status(tasks[0]!.id))!
    t.equal(Number(tag!.split(' ')[1]), Date.parse(enqueuedAt!), 'the index of tags has the time of the record')
    t.ok(took >= 290, `it did not start early: after ${Math.round(took)} ms`)
    const late = await app.tasks.enqueue('quick', 'late', { delay: 3_000_000 })
    t.equal(await app.tasks.reschedule(late.id, { delay: 100 }), 'rescheduled')
    t.equal(await late.result({ timeout: 60_000 }), 'late')
    await ticks(client, prefix, 12) // more than two lives of a lease
    t.same([...runs.values()], [1, 1, 1, 1], 'none was taken back')
    mayEnd.open()
    for (const { id } of held) t.match(await reaches(app, id, 'succeeded'), { attempt: 1 })
    await until('the workers are listed', async () => (await app.tasks.workers()).length === 2)
    t.match(await app.tasks.counts(), { default: { active: 0, waiting: 0, delayed: 0, failed: 0 } })
  })
}

for (const [title, seconds] of [['forward', HOUR], ['back', -HOUR]] as const) {
  const name = `an hour ${title}: keys, rates, retries and what is put off are as long as they say`
  t.test(name, { skip }, async t => {
    const { redis, set } = await startWithClock(t)
    const prefix = randomPrefix()
    const starts = new Map<string, number[]>()
    const started = (task: TaskContext): number => {
      const times = starts.get(task.name) ?? []
      starts.set(task.name, times)
      return times.push(performance.now())
    }
    const app = await build(t, { prefix, redis: redis.url, worker: true, stallInterval: STALL }, app => {
      const { tasks } = app
      const key = (): string => 'k'
      const once = async (_data: unknown, task: TaskContext): Promise<number> => started(task)
      tasks.define('debounced', { debounce: { key, wait: SPAN, maxWait: 10 * SPAN } }, once)
      tasks.define('unique', { unique: { key, scope: SPAN } }, once)
      tasks.define('rated', { rate: { max: 1, timeWindow: SPAN } }, once)
      tasks.define('tried', { retries: 1, backoff: { strategy: 'fixed', delay: SPAN } }, async (_data, task) => {
        if (started(task) === 1) throw new Error('once more')
      })
      tasks.define('snoozed', async (_data, task) => { if (started(task) === 1) throw new Snooze({ delay: SPAN }) })
      tasks.define('limited', { limit: { max: 1 } }, async (_data, task) => {
        if (started(task) === 1) throw new RateLimited({ retryAfter: SPAN })
      })
    })
    const before = [await app.tasks.enqueue('unique'), ...await app.tasks.enqueueMany('rated', [{}, {}])]
    for (const { id } of before) await reaches(app, id, 'succeeded')
    await ticks(connect(t, redis.url), prefix, 1)
    await set(seconds)
    await ticks(connect(t, redis.url), prefix, 1)
    starts.clear()
    const again = await app.tasks.enqueue('unique')
    t.equal(again.created, true, 'its key is free: its time has passed, or began after now')
    const tasks = [again, await app.tasks.enqueue('debounced')]
    const start = performance.now()
    for (const name of ['tried', 'snoozed', 'limited']) tasks.push(await app.tasks.enqueue(name))
    tasks.push(...await app.tasks.enqueueMany('rated', [{}, {}]))
    t.equal((await app.tasks.enqueue('unique')).created, false, 'a key that began after the clock was set')
    for (const { id } of tasks) await reaches(app, id, 'succeeded')
    t.ok(starts.get('debounced')![0]! - start > SPAN - 50, 'it waited')
    for (const name of ['tried', 'snoozed', 'limited', 'rated']) {
      const [first, second] = starts.get(name)!
      t.ok(second! - first! > SPAN - 50, `${name}: ${Math.round(second! - first!)} ms`)
    }
  })
}

t.test('an hour back: a flow whose members are gone is looked at soon', { skip }, async t => {
  const { redis, set } = await startWithClock(t)
  const options = { prefix: randomPrefix(), redis: redis.url, stallInterval: STALL }
  let part: any
  const define = (app: FastifyInstance): void => { part = app.tasks.define('part', async () => 'done') }
  const app = await build(t, options, define)
  const flow = await app.tasks.enqueueFlow(group(part.signature(), part.signature()))
  const { tasks: members } = await app.tasks.list({ flow: flow.id })
  const client = connect(t, redis.url)
  await client.del(`${options.prefix}:{default}:waiting`)
  await client.hdel(`${options.prefix}:{default}:jobs`, ...members.map(({ id }) => id))
  await set(-HOUR)
  const other = await build(t, { ...options, worker: true }, define)
  t.match(await reaches(other, flow.id, 'failed'), { error: { code: 'FST_TASKS_FLOW_FAILED' } })
})
