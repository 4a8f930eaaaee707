/**
 * What the metrics of a process count: enqueues, attempts by outcome, errors by code, times, what runs now.
 */
import t from 'tap'
import { build, claimByDeadWorker, connect, errorOf, latch, randomPrefix, reaches, until } from '../support/helpers.ts'
import { parse, valueOf } from '../support/metrics.ts'

const IMMEDIATE = { strategy: 'immediate' }

t.test('enqueues: what was stored, what was refused, how long it took', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', { schema: { data: { type: 'number' } } }, () => {})
  })
  await app.tasks.enqueue('x', 1, { id: 'same' })
  await app.tasks.enqueue('x', 1, { id: 'same' })
  await app.tasks.enqueueMany('x', [{ data: 1 }, { data: 2 }])
  await errorOf(app.tasks.enqueue('x', 'no number'))
  await errorOf(app.tasks.enqueueMany('x', [{ data: 'no number' }]))
  await errorOf(app.tasks.enqueue('unknown', 1))
  await errorOf(app.tasks.enqueueMany('x', 5 as any))
  const metrics = parse(await app.tasks.metrics())
  const of = { queue: 'default' }
  t.equal(valueOf(metrics, 'enqueued_total', { ...of, task: 'x' }), 3)
  t.equal(valueOf(metrics, 'enqueue_failures_total', { ...of, code: 'FST_ERR_VALIDATION' }), 2)
  t.equal(valueOf(metrics, 'enqueue_failures_total', { queue: 'other', code: 'FST_TASKS_NOT_DEFINED' }), 1)
  t.equal(valueOf(metrics, 'enqueue_failures_total', { ...of, code: 'FST_TASKS_TASK_OPTION_INVALID' }), 1)
  t.equal(valueOf(metrics, 'enqueue_duration_seconds_count', of), 3)
  t.equal(valueOf(metrics, 'queue_tasks', { ...of, state: 'waiting' }), 3)
  t.ok(valueOf(metrics, 'queue_oldest_waiting_seconds', of)! >= 0)
  t.equal(valueOf(metrics, 'queue_workers', of), 0)
  t.equal(valueOf(metrics, 'up', {}), 1)
})

t.test('a refused enqueue counts for the queue that it names', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', () => {})
    app.tasks.define('mailed', { queue: 'mail' }, () => {})
  })
  await errorOf(app.tasks.enqueue('x', 1n, { queue: 'mail' }))
  await errorOf(app.tasks.enqueue('x', 1n, null as any))
  const metrics = parse(await app.tasks.metrics())
  const failures = (queue: string): number | undefined =>
    valueOf(metrics, 'enqueue_failures_total', { queue, code: 'FST_TASKS_DATA_INVALID' })
  t.equal(failures('mail'), 1)
  t.equal(failures('default'), undefined)
})

t.test('each attempt has one outcome, and its errors a code of ours or "error"', async t => {
  const entered = latch()
  const app = await build(t, {}, app => {
    app.tasks.define('ok', () => {})
    app.tasks.define('fails', { retries: 1, backoff: IMMEDIATE }, () => {
      throw Object.assign(new Error('secret'), { code: 'MINE' })
    })
    app.tasks.define('slow', { timeout: 5 }, (_data, task) => new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => reject(new Error('aborted')))
    }))
    app.tasks.define('cancelled', (_data, task) => new Promise((_resolve, reject) => {
      entered.open()
      task.signal.addEventListener('abort', () => reject(new Error('aborted')))
    }))
  })
  const expired = await app.tasks.enqueue('ok', undefined, { expires: 0 })
  await app.tasks.startWorker()
  const ids = await Promise.all(['ok', 'fails', 'slow', 'cancelled'].map(name => app.tasks.enqueue(name)))
  await entered.promise
  await app.tasks.cancel(ids[3]!.id)
  for (const { id } of [...ids, expired]) await reaches(app, id, 'succeeded', 'failed', 'cancelled', 'expired')
  const outcome = (task: string, outcome: string): number | undefined =>
    valueOf(metrics, 'attempts_total', { queue: 'default', task, outcome })
  let metrics = parse('')
  await until('all are counted', async () => {
    metrics = parse(await app.tasks.metrics())
    return outcome('cancelled', 'cancelled') === 1 && outcome('ok', 'expired') === 1 && outcome('slow', 'failed') === 1
  })
  t.equal(outcome('ok', 'succeeded'), 1)
  t.equal(outcome('fails', 'retried'), 1)
  t.equal(outcome('fails', 'failed'), 1)
  t.equal(outcome('fails', 'lost'), 0, 'outcomes that did not come are there as 0')
  const error = (task: string, code: string): number | undefined =>
    valueOf(metrics, 'attempt_errors_total', { queue: 'default', task, code })
  t.equal(error('fails', 'error'), 2)
  t.equal(error('slow', 'FST_TASKS_TIMEOUT'), 1)
  t.equal(valueOf(metrics, 'attempt_duration_seconds_count', { queue: 'default', task: 'fails' }), 2)
  t.equal(valueOf(metrics, 'attempt_duration_seconds_count', { queue: 'default', task: 'ok' }), 1, 'not of the expired')
  t.equal(valueOf(metrics, 'wait_seconds_count', { queue: 'default', task: 'fails' }), 1, 'not of a retry')
  t.notMatch(await app.tasks.metrics(), /secret|MINE/)
})

t.test('what runs now, and for how long; a task that is handed back at a close', async t => {
  const prefix = randomPrefix()
  const entered = latch()
  const app = await build(t, { prefix }, app => {
    app.tasks.define('long', (_data, task) => new Promise((_resolve, reject) => {
      entered.open()
      task.signal.addEventListener('abort', () => reject(new Error('aborted')))
    }))
  })
  const worker = await app.tasks.startWorker({ concurrency: 7, closeTimeout: 0 })
  await app.tasks.enqueue('long')
  await entered.promise
  const now = parse(await app.tasks.metrics())
  t.equal(valueOf(now, 'running', { queue: 'default' }), 1)
  t.equal(valueOf(now, 'slots', { queue: 'default' }), 7)
  t.ok(valueOf(now, 'longest_running_seconds', { queue: 'default', task: 'long' })! >= 0)
  t.equal(valueOf(now, 'queue_workers', { queue: 'default' }), 1)
  await worker.close()
  const after = parse(await app.tasks.metrics())
  t.equal(valueOf(after, 'attempts_total', { queue: 'default', task: 'long', outcome: 'returned' }), 1)
  t.equal(valueOf(after, 'slots', { queue: 'default' }), undefined, 'a closed worker has no slots')
})

t.test('stalled tasks: those that wait again, and those that failed; a record that cannot be read', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const app = await build(t, { prefix, maxStalls: 1, stallInterval: 1_000 }, app => app.tasks.define('x', () => {}))
  const { id } = await app.tasks.enqueue('x')
  const { id: often } = await app.tasks.enqueue('x')
  await redis.multi().del(`${prefix}:{default}:waiting`).hset(`${prefix}:{default}:stalls`, often, 1)
    .hset(`${prefix}:{default}:jobs`, 'broken', 'no JSON').lpush(`${prefix}:{default}:waiting`, 'broken').exec()
  await claimByDeadWorker(redis, prefix, id, often)
  await app.tasks.startWorker()
  await reaches(app, id, 'succeeded')
  await reaches(app, often, 'failed')
  const of = { queue: 'default', task: 'x' }
  const metrics = await until('all are counted', async () => {
    const metrics = parse(await app.tasks.metrics())
    const isCounted = valueOf(metrics, 'attempts_total', { ...of, outcome: 'stalled' }) === 1 &&
      valueOf(metrics, 'attempts_total', { ...of, outcome: 'succeeded' }) === 1 &&
      valueOf(metrics, 'attempts_total', { ...of, outcome: 'failed' }) === 1
    return isCounted ? metrics : null
  })
  t.equal(valueOf(metrics, 'attempt_errors_total', { ...of, code: 'FST_TASKS_STALLED' }), 1)
  t.equal(valueOf(metrics, 'attempts_total', { queue: 'default', task: 'other', outcome: 'failed' }), 1)
})

t.test('schedules: the next tick, and the last success', async t => {
  const app = await build(t, {}, app => app.tasks.define('x', () => {}))
  await app.tasks.schedules.set('s', { task: 'x', every: 3_600_000 })
  await app.tasks.startWorker()
  const planned = Date.parse((await app.tasks.schedules.get('s'))!.next[0]!)
  const triggered = await app.tasks.schedules.trigger('s')
  await triggered.result()
  const metrics = await until('the success is counted', async () => {
    const metrics = parse(await app.tasks.metrics())
    return valueOf(metrics, 'schedule_last_success_timestamp_seconds', { schedule: 's' }) ? metrics : null
  })
  t.equal(valueOf(metrics, 'schedule_next_timestamp_seconds', { schedule: 's' }), planned / 1_000)
})

t.test('with metrics: false nothing is counted, and the text says how to turn it on', async t => {
  const app = await build(t, { metrics: false }, app => app.tasks.define('x', () => {}))
  await app.tasks.startWorker()
  await (await app.tasks.enqueue('x')).result()
  t.match(await app.tasks.metrics(), /^# metrics are off: register/)
})

t.test('with queues: false nothing is read from Redis', async t => {
  const app = await build(t, { metrics: { queues: false } }, app => app.tasks.define('x', () => {}))
  await app.tasks.enqueue('x')
  const text = await app.tasks.metrics()
  t.match(text, 'enqueued_total')
  t.notMatch(text, /queue_tasks|fastify_tasks_up/)
})

t.test('what another producer wrote as times neither holds up its task nor spoils the metrics', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => {}) })
  const redis = connect(t)
  const options = ['{"delay":{"toString":1}}', '{"delay":"soon"}', '{"timestamp":"today"}', '{}']
  for (const [i, text] of options.entries()) {
    await redis.hset(`${prefix}:{default}:jobs`, `t${i}`, `{"data":{"name":"x"},"options":${text},"status":"created"}`)
    await redis.lpush(`${prefix}:{default}:waiting`, `t${i}`)
  }
  for (const i of options.keys()) await reaches(app, `t${i}`, 'succeeded')
  const metrics = parse(await app.tasks.metrics())
  t.equal(valueOf(metrics, 'attempts_total', { queue: 'default', task: 'x', outcome: 'succeeded' }), 4)
  t.equal(valueOf(metrics, 'wait_seconds_sum', { queue: 'default', task: 'x' }) ?? 0, 0, 'nobody knows how long')
})

t.test('a task waits from when it is due: from a retry by hand, from its new time if it is rescheduled', async t => {
  const HOUR = 3_600_000
  const app = await build(t, { mode: 'memory', redis: undefined, worker: false }, app => {
    app.tasks.define('fails', () => { throw new Error('no') })
    app.tasks.define('later', () => {})
  })
  const { id } = await app.tasks.enqueue('fails')
  await app.tasks.drain()
  await app.tasks.advance(HOUR)
  t.equal(await app.tasks.retry(id), 'queued')
  t.equal(valueOf(parse(await app.tasks.metrics()), 'queue_oldest_waiting_seconds', { queue: 'default' }), 0)
  await app.tasks.advance(1_000, { wait: false })
  await app.tasks.drain()
  await app.tasks.retryMany({ name: 'fails' })
  await app.tasks.drain()
  const later = await app.tasks.enqueue('later', { options: { timestamp: 1, delay: 12_345_678_901 } }, { delay: 1_000 })
  t.equal(await app.tasks.reschedule(later.id, { delay: HOUR }), 'rescheduled')
  await app.tasks.advance(HOUR)
  const promoted = await app.tasks.enqueue('later', 1, { delay: HOUR })
  t.equal(await app.tasks.promote(promoted.id), 'promoted')
  await app.tasks.advance(2_000, { wait: false })
  await app.tasks.drain()
  const metrics = parse(await app.tasks.metrics())
  const sum = (task: string): number => valueOf(metrics, 'wait_seconds_sum', { queue: 'default', task })!
  t.equal(Math.round(sum('fails')), 1)
  t.equal(Math.round(sum('later')), 2, 'a task that was promoted waits from then on')
})

t.test('the same in Redis: the record of a task says since when it is due', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x', () => { throw new Error('no') }) })
  const redis = connect(t)
  const jobs = `${prefix}:{default}:jobs`
  const dueAt = async (id: string): Promise<number> => JSON.parse((await redis.hget(jobs, id))!).options.delay
  const data = { text: 'x'.repeat(10_000), options: { timestamp: 1, delay: 12_345_678_901 } }
  const later = await app.tasks.enqueue('x', data, { delay: 3_600_000 })
  const first = await dueAt(later.id)
  await app.tasks.reschedule(later.id, { delay: 7_200_000 })
  t.ok(await dueAt(later.id) > first)
  t.equal(await dueAt(later.id), Date.parse((await later.status())!.dueAt!))
  await app.tasks.promote(later.id)
  t.ok(await dueAt(later.id) < first)
  t.strictSame(JSON.parse((await redis.hget(jobs, later.id))!).data.data, data)
  await app.tasks.startWorker()
  await reaches(app, later.id, 'failed')
  const old = (await redis.hget(jobs, later.id))!.replace(/"timestamp":\d+,/, '"timestamp":1000000000000,')
  await redis.hset(jobs, later.id, old.replace(/"delay":\d{13}/, '"delay":1000000000000'))
  for (const retry of [() => app.tasks.retry(later.id), () => app.tasks.retryMany({ name: 'x' })]) {
    const promoted = await dueAt(later.id)
    await retry()
    await reaches(app, later.id, 'failed')
    t.ok(await dueAt(later.id) > promoted)
  }
  const seconds = valueOf(parse(await app.tasks.metrics()), 'wait_seconds_sum', { queue: 'default', task: 'x' })!
  t.ok(seconds < 1e6, `${seconds} s`)
})
