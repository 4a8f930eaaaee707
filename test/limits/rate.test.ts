/**
 * `rate: { max, timeWindow, key }` over all workers, and `RateLimited`.
 */
import t from 'tap'
import {
  build, connect, errorOf, inRedis, latch, logger, memoryMode, pass, randomPrefix, reaches, until
} from '../support/helpers.ts'
import { claimsMeanwhile } from '../support/monitor.ts'
import tasks, { RateLimited } from '../../lib/plugin.ts'

const byTenant = (data: any): string => data.tenant

/** Pairs of starts that are closer than the window, though `max` starts lie between them. */
const tooClose = (starts: number[], max: number, window: number): number[][] =>
  starts.flatMap((start, i) => i >= max && start - starts[i - max]! < window ? [[starts[i - max]!, start]] : [])

t.test('in no window more tasks start than the rate, over two workers; other keys do not wait', async t => {
  const prefix = randomPrefix()
  const starts: Record<string, number[]> = { a: [], b: [] }
  const define = (app: any): void => {
    const rate = [{ max: 4, timeWindow: 300, key: byTenant }, { max: 6, timeWindow: 900, key: byTenant }]
    const options = { rate, retries: 1, backoff: { strategy: 'immediate' } }
    app.tasks.define('call', options, async ({ tenant, fails }: any, task: any) => {
      starts[tenant]!.push(performance.now())
      if (fails && task.attempt === 1) throw new Error('again')
    })
  }
  const app = await build(t, { prefix }, define)
  const other = memoryMode ? app : await build(t, { prefix }, define)
  for (const worker of [app, other]) await worker.tasks.startWorker({ concurrency: 5 })
  const items = Array.from({ length: 12 }, (_, i) => ({ data: { tenant: 'a', fails: i === 2 } }))
  const ofA = await app.tasks.enqueueMany('call', items)
  const ofB = await app.tasks.enqueue('call', { tenant: 'b' })
  await reaches(app, ofB.id, 'succeeded')
  t.match(await app.tasks.status(ofA[11]!.id), { state: 'waiting', blockedBy: { kind: 'rate', key: 'a' } })
  await pass(app, 3_000)
  for (const { id } of ofA) await reaches(app, id, 'succeeded')
  t.equal(starts.a!.length, 13, 'a second attempt is a start too')
  if (memoryMode) return
  t.strictSame(tooClose(starts.a!, 4, 300), [])
  t.strictSame(tooClose(starts.a!, 6, 900), [])
})

t.test('RateLimited: no attempt is spent, and all tasks of the key wait', async t => {
  const log = logger()
  let refuses = true
  const ran: string[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('call', { limit: { max: 1, key: byTenant } }, async ({ tenant }: any, task) => {
      ran.push(`${tenant}.${task.attempt}`)
      if (tenant === 'a' && refuses) throw new tasks.RateLimited({ retryAfter: 60_000 })
    })
    app.tasks.define('free', async () => {
      const refused = refuses
      refuses = false
      if (refused) throw new RateLimited({ retryAfter: new Date(Date.now() + 50) })
    })
  }, { logger: { stream: log.stream } })
  await app.tasks.startWorker()
  const [first, second] = await app.tasks.enqueueMany('call', ['a', 'a'].map(tenant => ({ data: { tenant } })))
  const other = await app.tasks.enqueue('call', { tenant: 'b' })
  await reaches(app, other.id, 'succeeded')
  await until('it was refused', () => log.find('task.rate_limited'))
  t.match(log.find('task.rate_limited'), { level: 30, nextAttemptAt: /Z$/ })
  const blockedBy = { kind: 'rate', key: 'a', text: /^rate of key "a", next at / }
  for (const { id } of [first!, second!]) {
    const record = await until('it waits', async () => {
      const record = await app.tasks.status(id)
      return record?.blockedBy && record
    })
    t.match(record, { state: 'waiting', attempt: 0, error: null, blockedBy })
  }
  t.same(ran.sort(), ['a.1', 'b.1'])
  const free = await app.tasks.enqueue('free')
  await until('it was put off', () => log.lines.filter(line => line.event === 'task.rate_limited').length === 2)
  await pass(app, 60_001)
  await reaches(app, free.id, 'succeeded')
  if (!memoryMode) await app.tasks.setLimit('call', { limit: { max: 1 } })
  for (const retryAfter of [-1, '30', '', Infinity, null, new Date(NaN), Symbol('x')]) {
    t.match(await errorOf(() => new RateLimited({ retryAfter } as any)), { code: 'FST_TASKS_RATE_LIMITED_INVALID' })
  }
  for (const more of [{ scope: 'all' }, { scpoe: 'key' }]) {
    const error = await errorOf(() => new RateLimited({ retryAfter: 1, ...more } as any))
    t.match(error, { code: 'FST_TASKS_RATE_LIMITED_INVALID' })
  }
})

t.test('RateLimited by two tasks of a key: none starts before the later of both times', async t => {
  const log = logger()
  const refuse = [latch(), latch()]
  let started = 0
  const app = await build(t, {}, app => {
    app.tasks.define('call', { limit: { max: 2 } }, async ({ retryAfter, number }: any) => {
      started++
      await refuse[number]!.promise
      throw new RateLimited({ retryAfter })
    })
  }, { logger: { stream: log.stream } })
  await app.tasks.startWorker()
  const waits = [3_600_000, 100].map((retryAfter, number) => ({ data: { retryAfter, number } }))
  const [first] = await app.tasks.enqueueMany('call', waits)
  await until('both run', () => started === 2)
  const refused = (): number => log.lines.filter(line => line.event === 'task.rate_limited').length
  for (const [i, { open }] of refuse.entries()) {
    open()
    await until('it was refused', () => refused() === i + 1)
  }
  const { text } = await until('it waits', async () => (await app.tasks.status(first!.id))?.blockedBy)
  t.ok(Date.parse(text.split('next at ')[1]!) > Date.now() + 3_000_000, text)
})

t.test('setLimit changes rates at run time', async t => {
  let ran = 0
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { rate: { max: 1, timeWindow: 3_600_000 } }, async () => { ran++ })
  })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 5 }, () => ({})))
  await until('one ran', () => ran === 1)
  t.match(await handles[4]!.status(), { blockedBy: { text: /^rate of task "x", 1 in 3600000 ms, next at / } })
  const shown = await app.inject(`/tasks/${handles[4]!.id}`)
  t.match(shown.json(), { state: 'waiting', blockedBy: { kind: 'rate', key: '' } }, 'over HTTP too')
  await app.tasks.setLimit('x', { rate: { max: 3, timeWindow: 3_600_000 } })
  await until('three ran', () => ran === 3)
  await app.tasks.setLimit('x', { rate: [] })
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  await app.tasks.setLimit('x', null)
  for (const change of [{ rate: 5 }, { rate: {} }, { rate: { max: 1 } }, { rate: [null] }]) {
    t.match(await errorOf(app.tasks.setLimit('x', change as any)), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID' })
  }
  t.match(await errorOf(app.tasks.setLimit('x', { rate: { max: 1, timeWindow: 1_000, key: byTenant } } as any)), {
    code: 'FST_TASKS_OPTION_UNKNOWN'
  })
})

t.test('what is wrong is refused', async t => {
  const rate = { max: 1, timeWindow: 1_000 }
  const app = await build(t, { queues: ['mail'] }, app => {
    app.tasks.define('x', { rate: { ...rate, key: byTenant }, limit: { max: 1, key: data => String(data.other) } })
    for (const rate of [5, [], {}, { max: 1 }, { max: 0, timeWindow: 100 }, { max: 1, timeWindow: 99 }, [null]]) {
      t.throws(() => app.tasks.define('y', { rate } as any), { code: 'FST_TASKS_TASK_OPTION_INVALID' })
    }
    t.throws(() => app.tasks.define('y', { rate: [rate, rate] }), { code: 'FST_TASKS_OPTION_CLASH' })
    t.throws(() => app.tasks.define('y', { rate: { ...rate, per: 1 } } as any), { code: 'FST_TASKS_OPTION_UNKNOWN' })
  })
  app.tasks.define('keyless', { rate })
  for (const [name, usual] of [['x', 'key'], ['keyless', 'task']] as const) {
    const twice = [rate, { ...rate, scope: usual }]
    t.match(await errorOf(app.tasks.setLimit(name, { rate: twice })), { code: 'FST_TASKS_OPTION_CLASH' }, name)
  }
  const refused = async (data: any, options: any, code: string): Promise<void> => {
    t.match(await errorOf(app.tasks.enqueue('x', data, options)), { code })
  }
  await refused({ tenant: 'a', other: 'b' }, {}, 'FST_TASKS_LIMIT_KEYS_DIFFER')
  await refused({ tenant: 5, other: 5 }, {}, 'FST_TASKS_LIMIT_KEY_INVALID')
  await refused({ tenant: 'a', other: 'a' }, { queue: 'mail' }, 'FST_TASKS_LIMIT_QUEUE')
})

inRedis('a limited worker sends nothing between due times; what a shutdown aborts waits', 'no Redis', async t => {
  const prefix = randomPrefix()
  const started = latch()
  const app = await build(t, { prefix, worker: { closeTimeout: 50 } }, app => {
    app.tasks.define('x', { rate: { max: 1, timeWindow: 600_000 } }, async (_data, task) => {
      started.open()
      await new Promise(resolve => { task.signal.addEventListener('abort', resolve) })
      throw task.signal.reason
    })
  })
  const [first] = await app.tasks.enqueueMany('x', [{}, {}, {}])
  await started.promise
  const redis = connect(t)
  await until('the start is known', async () => await redis.exists(`${prefix}:{default}:starts:x `) === 1)
  t.ok(await claimsMeanwhile(t, prefix) < 10, 'a wait for a task, and another if that has just ended')
  await app.close()
  t.strictSame(await redis.lrange(`${prefix}:{default}:waiting`, 0, -1), [], 'a start was spent: it waits')
  t.equal(await redis.lindex(`${prefix}:{default}:lane:x `, -1), first!.id, 'it is the first')
})

inRedis('what a shutdown aborts waits, also if only setLimit has given it a rate', 'no Redis', async t => {
  const prefix = randomPrefix()
  const started = latch()
  const app = await build(t, { prefix, worker: { closeTimeout: 50 } }, app => {
    app.tasks.define('x', { limit: { max: 5 } }, async (_data, task) => {
      started.open()
      await new Promise(resolve => { task.signal.addEventListener('abort', resolve) })
      throw task.signal.reason
    })
  })
  await app.tasks.setLimit('x', { rate: { max: 1, timeWindow: 600_000 } })
  const [first] = await app.tasks.enqueueMany('x', [{}, {}, {}])
  await started.promise
  await app.close()
  const redis = connect(t)
  t.strictSame(await redis.lrange(`${prefix}:{default}:waiting`, 0, -1), [], 'a start was spent: it waits')
  t.equal(await redis.lindex(`${prefix}:{default}:lane:x `, -1), first!.id, 'it is the first')
})

t.test('rates are taken away and come back while tasks run: what ended meanwhile holds up nothing', async t => {
  for (const more of [{}, { limit: { max: 9, key: byTenant } }]) { // with a limit by key, the rate is one of all keys
    const go = latch()
    let ran = 0
    const app = await build(t, {}, app => {
      app.tasks.define('call', { ...more, rate: { max: 3, timeWindow: 300 } }, async ({ waits }: any) => {
        ran++
        if (waits) await go.promise
      })
    })
    const items = (count: number): any[] => Array.from({ length: count }, () => ({ data: { tenant: 'a' } }))
    const first = await app.tasks.enqueueMany('call', items(3))
    await app.tasks.setLimit('call', { rate: [] })
    await app.tasks.enqueue('call', { tenant: 'a', waits: true })
    await app.tasks.startWorker()
    for (const { id } of first) await reaches(app, id, 'succeeded')
    await until('one runs', () => ran === 4)
    await app.tasks.setLimit('call', { rate: [{ max: 3, timeWindow: 300 }] })
    const second = await app.tasks.enqueueMany('call', items(5))
    go.open()
    await pass(app, 1_000)
    for (const { id } of second) await reaches(app, id, 'succeeded')
  }
})
