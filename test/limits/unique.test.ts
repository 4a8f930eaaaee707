/**
 * `unique` and `debounce`: at most one task for a key.
 */
import t from 'tap'
import { build, connect, errorOf, inRedis, latch, pass, randomPrefix, reaches, until } from '../support/helpers.ts'

const byKey = (data: any): string => data.key

t.test('keep: the handle says which task stands, until that task has ended', async t => {
  const go = latch()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('sync', { unique: { key: byKey } }, async () => { await go.promise })
  })
  const first = await app.tasks.enqueue('sync', { key: 'a' })
  t.equal(first.created, true)
  await reaches(app, first.id, 'active')
  const second = await app.tasks.enqueue('sync', { key: 'a' })
  t.match(second, { created: false, snapshot: null, id: first.id, name: 'sync', queue: 'default' })
  const many = await app.tasks.enqueueMany('sync', ['a', 'b', 'b'].map(key => ({ data: { key } })))
  t.same(many.map(({ created }) => created), [false, true, false])
  t.equal(many[0]!.id, first.id)
  t.equal(many[2]!.id, many[1]!.id)
  t.match(await second.status(), { id: first.id, state: 'active' })
  go.open()
  t.equal(await second.result({ timeout: 60_000 }), null)
  const third = await app.tasks.enqueue('sync', { key: 'a' })
  t.equal(third.created, true)
  await reaches(app, third.id, 'succeeded')
})

t.test('scope waiting, and a number of ms', async t => {
  const go = latch()
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('until-start', { unique: { scope: 'waiting' } } as any, async () => { await go.promise })
    app.tasks.define('throttled', { unique: { scope: 1_500 } }, async () => {})
  })
  const delayed = await app.tasks.enqueue('until-start', {}, { delay: 60_000 })
  t.equal((await app.tasks.enqueue('until-start', {})).id, delayed.id, 'a delayed task waits too')
  await app.tasks.promote(delayed.id)
  await reaches(app, delayed.id, 'active')
  const next = await app.tasks.enqueue('until-start', {})
  t.equal(next.created, true, 'it has started')
  go.open()
  await reaches(app, next.id, 'succeeded')
  const first = await app.tasks.enqueue('throttled')
  await reaches(app, first.id, 'succeeded')
  t.equal((await app.tasks.enqueue('throttled')).created, false, 'it has ended, but the window has not')
  await pass(app, 1_500)
  const later = await until('the window has ended', async () => {
    const task = await app.tasks.enqueue('throttled')
    return task.created ? task : null
  })
  await reaches(app, later.id, 'succeeded')
})

t.test('a cancelled task frees its key at once, whatever the scope', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', { unique: { key: byKey } }, async () => {})
    app.tasks.define('y', { unique: { key: byKey, scope: 3_600_000 } }, async () => {})
  })
  for (const name of ['x', 'y']) {
    const ends = [
      (id: string) => app.tasks.cancel(id), (id: string) => app.tasks.remove(id), () => app.tasks.purge('default')
    ]
    for (const end of ends) {
      const task = await app.tasks.enqueue(name, { key: 'k' }, { delay: 60_000 })
      t.equal(task.created, true)
      t.equal((await app.tasks.enqueue(name, { key: 'k' })).created, false)
      await end(task.id)
    }
    const expires = new Date(Date.now() - 1_000)
    const expiring = await app.tasks.enqueue(name, { key: 'k' }, { delay: 60_000, expires })
    t.equal(expiring.created, true)
    const next = await app.tasks.enqueue(name, { key: 'k' }, { delay: 60_000 })
    t.equal(next.created, true, 'the other can no longer start')
  }
})

t.test('replace: the newest data, and the same task', async t => {
  const ran: unknown[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('index', { unique: { key: byKey, onConflict: 'replace' }, limit: { max: 1 } }, async data => {
      ran.push(data)
    })
  })
  const first = await app.tasks.enqueue('index', { key: 'a', n: 1 }, { delay: 60_000, id: 'mine' })
  const second = await app.tasks.enqueue('index', { key: 'a', n: 2 }, { delay: 120_000, id: 'yours' })
  t.match(second, { created: false, id: 'mine' })
  t.match(await first.status(), { state: 'delayed' }, 'the first handle still finds it')
  const third = await app.tasks.enqueue('index', { key: 'a', n: 3 })
  t.equal(third.created, false)
  await app.tasks.startWorker()
  await first.result({ timeout: 60_000 })
  t.same(ran, [{ key: 'a', n: 3 }])
})

t.test('rerun: while it runs, one more follows with the newest data, however it ends', async t => {
  const ran: number[] = []
  const gates = new Map([[1, latch()], [3, latch()]])
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('index', { unique: { onConflict: 'rerun' } }, async ({ n }: any) => {
      ran.push(n)
      await gates.get(n)?.promise
      if (n === 1) throw new Error('no')
    })
  })
  const first = await app.tasks.enqueue('index', { n: 1 })
  await reaches(app, first.id, 'active')
  for (const n of [2, 3]) t.match(await app.tasks.enqueue('index', { n }), { created: false, id: first.id })
  gates.get(1)!.open()
  await reaches(app, first.id, 'failed')
  await until('the rerun runs', () => ran.length === 2)
  t.equal((await app.tasks.enqueue('index', { n: 4 })).created, false, 'the rerun stands for the key')
  gates.get(3)!.open()
  await until('the next rerun runs', () => ran.length === 3)
  t.same(ran, [1, 3, 4])
  await until('all have ended', async () => (await app.tasks.counts()).default!.succeeded === 2)
  t.equal((await app.tasks.enqueue('index', { n: 5 })).created, true)
})

t.test('retrying: its key counts between two attempts', async t => {
  let fails = true
  const app = await build(t, { worker: true }, app => {
    const backoff = { strategy: 'fixed', delay: 60_000 }
    const unique = { scope: 'waiting' } as const
    app.tasks.define('x', { unique, retries: 1, backoff }, async () => { if (fails) throw new Error('no') })
  })
  const first = await app.tasks.enqueue('x')
  await reaches(app, first.id, 'retrying')
  t.match(await app.tasks.enqueue('x'), { created: false, id: first.id })
  fails = false
  await app.tasks.promote(first.id)
  await reaches(app, first.id, 'succeeded')
  t.equal((await app.tasks.enqueue('x')).created, true)
})

t.test('debounce: once it is quiet, with the last data; maxWait bounds the wait', async t => {
  const ran: number[] = []
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('mail', { debounce: { key: byKey, wait: 60_000 } }, async ({ n }: any) => { ran.push(n) })
    app.tasks.define('soon', { debounce: { wait: 3_600_000, maxWait: 3_600_001 } }, async () => {})
  })
  const first = await app.tasks.enqueue('mail', { key: 'a', n: 1 })
  const other = await app.tasks.enqueue('mail', { key: 'b', n: 9 })
  const dueAt = (await first.status())!.dueAt!
  await pass(app, 20)
  await until('the wait begins again', async () => {
    t.match(await app.tasks.enqueue('mail', { key: 'a', n: 2 }), { created: false, id: first.id })
    return (await first.status())!.dueAt! > dueAt
  })
  t.equal(other.created, true)
  await app.tasks.promote(first.id)
  await reaches(app, first.id, 'succeeded')
  t.same(ran, [2])
  t.equal((await app.tasks.enqueue('mail', { key: 'a', n: 3 })).created, true, 'it has run')
  const [soon] = await app.tasks.enqueueMany('soon', [{ data: 1 }])
  const enqueuedAt = Date.parse((await soon!.status())!.enqueuedAt)
  await pass(app, 50)
  await app.tasks.enqueue('soon', 2)
  const { dueAt: latest } = (await soon!.status())!
  t.ok(Date.parse(latest!) - enqueuedAt < 3_600_050, 'no later than maxWait from the first')
})

t.test('with a level, a rate and tags', async t => {
  const app = await build(t, {}, app => {
    const rate = { max: 100, timeWindow: 1_000 }
    app.tasks.define('x', { unique: { key: byKey, onConflict: 'replace' }, rate, priority: 'high' }, async () => {})
  })
  const first = await app.tasks.enqueue('x', { key: 'a' }, { tags: ['t'] })
  t.equal((await app.tasks.enqueue('x', { key: 'a' }, { tags: ['t'], priority: 'low' })).id, first.id)
  t.same((await app.tasks.list({ tag: 't' })).tasks.map(({ id }) => id), [first.id])
  t.match(await first.status(), { state: 'waiting', priority: 'low' })
  await app.tasks.startWorker()
  await first.result({ timeout: 60_000 })
  t.equal((await app.tasks.enqueue('x', { key: 'a' })).created, true)
})

t.test('the tags of a task that is replaced, or run again, are those of its newest data', async t => {
  const go = latch()
  const app = await build(t, {}, app => {
    app.tasks.define('x', { unique: { key: byKey, onConflict: 'rerun' } }, () => go.promise)
  })
  const tagged = async (tag: string): Promise<string[]> => (await app.tasks.list({ tag })).tasks.map(({ id }) => id)
  const { id } = await app.tasks.enqueue('x', { key: 'a' }, { tags: ['old', 'both'] })
  await app.tasks.enqueue('x', { key: 'a' }, { tags: ['new', 'both'] })
  t.same([await tagged('old'), await tagged('new'), await tagged('both')], [[], [id], [id]])
  await app.tasks.enqueue('x', { key: 'a' })
  t.same([await tagged('new'), await tagged('both')], [[], []])
  t.same((await app.tasks.status(id))!.tags, [])
  await app.tasks.startWorker()
  await reaches(app, id, 'active')
  await app.tasks.enqueue('x', { key: 'a' }, { tags: ['next'] })
  t.same(await tagged('next'), [])
  go.open()
  await reaches(app, id, 'succeeded')
  await until('the next is there', async () => (await tagged('next')).length === 1)
})

t.test('enqueueMany: a task that is refused holds up no other, and the items again make each once', async t => {
  const app = await build(t, {}, app => {
    const lane = (data: any): string => data.lane
    const unique = { key: byKey, onConflict: 'replace' } as const
    app.tasks.define('u', { unique, limit: { max: 1, key: lane } }, async () => {})
    app.tasks.define('free', async () => {})
  })
  const stands = await app.tasks.enqueue('u', { key: 'a', lane: 'a' })
  const items = ['b', 'a', 'c'].map(key => ({ data: { key, lane: 'b' } }))
  const error = await errorOf(app.tasks.enqueueMany('u', items))
  t.match(error, { code: 'FST_TASKS_UNIQUE_LIMIT_KEY', refused: [1], items: { length: 2 }, enqueued: { length: 2 } })
  t.match(error.items, [{ data: { key: 'b' }, id: error.enqueued[0] }, { data: { key: 'c' }, id: error.enqueued[1] }])
  const again = await app.tasks.enqueueMany('u', error.items)
  t.same(again.map(({ id, created }) => [id, created]), error.enqueued.map((id: string) => [id, false]))
  const waiting = (await app.tasks.list({ state: 'waiting' })).tasks.map(({ id }) => id)
  t.same(waiting.sort(), [stands.id, ...error.enqueued].sort())
  await app.tasks.enqueue('u', { key: 'mine', lane: 'a' }, { id: 'mine' })
  const taken = await errorOf(app.tasks.enqueueMany('free', [{ data: 1 }, { data: 2, id: 'mine' }, { data: 3 }]))
  t.match(taken, { code: 'FST_TASKS_ID_TAKEN', refused: [1], enqueued: { length: 2 } })
  t.match(taken.items, [{ data: 1 }, { data: 3 }])
})

t.test('what is wrong is refused', async t => {
  const app = await build(t, { queues: ['mail'], resultTtl: 60_000 }, app => {
    const define = (options: any): unknown => app.tasks.define('y', options, async () => {})
    const wrong = [
      { unique: 5 }, { unique: { key: 'id' } }, { unique: { scope: 'active' } }, { unique: { scope: 0 } },
      { unique: { onConflict: 'throw' } }, { debounce: {} }, { debounce: { wait: 0 } }, { debounce: { wait: '5s' } }
    ]
    for (const options of wrong) t.throws(() => define(options), { code: 'FST_TASKS_TASK_OPTION_INVALID' })
    const clashes = [
      { unique: {}, debounce: { wait: 1 } }, { unique: { scope: 'waiting', onConflict: 'rerun' } },
      { unique: { scope: 60_001 } }, { debounce: { wait: 2, maxWait: 1 } }
    ]
    for (const options of clashes) t.throws(() => define(options), { code: 'FST_TASKS_OPTION_CLASH' })
    t.throws(() => define({ unique: { mode: 1 } }), { code: 'FST_TASKS_OPTION_UNKNOWN' })
    app.tasks.define('u', { unique: { key: byKey, onConflict: 'replace' }, limit: { max: 1, key: (d: any) => d.lane } })
    app.tasks.define('d', { debounce: { wait: 1_000 } }, async () => {})
    const later = (() => Promise.reject(new Error('no session'))) as () => any
    app.tasks.define('later', { unique: { key: later } })
    app.tasks.define('laterLane', { limit: { max: 1, key: later } })
  })
  const refused = async (name: string, data: any, options: any, code: string): Promise<void> => {
    t.match(await errorOf(app.tasks.enqueue(name, data, options)), { code })
  }
  await refused('u', { key: 5, lane: 'a' }, {}, 'FST_TASKS_UNIQUE_KEY_INVALID')
  await refused('u', { key: 'x'.repeat(101), lane: 'a' }, {}, 'FST_TASKS_UNIQUE_KEY_INVALID')
  await refused('later', {}, {}, 'FST_TASKS_UNIQUE_KEY_INVALID')
  await refused('laterLane', {}, {}, 'FST_TASKS_LIMIT_KEY_INVALID')
  await refused('d', {}, { queue: 'mail' }, 'FST_TASKS_UNIQUE_QUEUE')
  await refused('d', {}, { id: 'mine' }, 'FST_TASKS_OPTION_CLASH')
  await refused('d', {}, { delay: 5 }, 'FST_TASKS_OPTION_CLASH')
  await refused('d', {}, { delayUntil: new Date() }, 'FST_TASKS_OPTION_CLASH')
  await app.tasks.enqueue('u', { key: 'a', lane: 'a' })
  await refused('u', { key: 'a', lane: 'b' }, {}, 'FST_TASKS_UNIQUE_LIMIT_KEY')
  const refusal = await errorOf(app.tasks.schedules.set('s', { task: 'd', every: 60_000 }))
  t.match(refusal, { code: 'FST_TASKS_UNIQUE_REFUSED' })
  const { group } = await import('../../lib/plugin.ts')
  const signature = { kind: 'signature', task: 'u', data: { key: 'z', lane: 'a' }, options: {} }
  t.match(await errorOf(app.tasks.enqueueFlow(group(signature as any))), { code: 'FST_TASKS_UNIQUE_REFUSED' })
})

t.test('an ordered task that waits for its next attempt keeps its key of the limit, with rates too', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('sync', {
      unique: { onConflict: 'replace' },
      retries: 1,
      backoff: { strategy: 'fixed', delay: 3_600_000 },
      limit: { ordered: true, key: byKey },
      rate: { max: 9, timeWindow: 1_000, key: byKey }
    }, async () => { throw new Error('no') })
  })
  await app.tasks.startWorker()
  const first = await app.tasks.enqueue('sync', { key: 'a' })
  await reaches(app, first.id, 'retrying')
  t.match(await errorOf(app.tasks.enqueue('sync', { key: 'b' })), { code: 'FST_TASKS_UNIQUE_LIMIT_KEY' })
  t.match(await app.tasks.enqueue('sync', { key: 'a' }), { created: false, id: first.id })
})

t.test('a key of any characters is one key', async t => {
  const app = await build(t, {}, app => app.tasks.define('x', { unique: { key: byKey } }, async () => {}))
  for (const key of ['\ud800', '\0', '__proto__', '\n', ' ', '"\\', '\u2028', 'é😀']) {
    t.equal((await app.tasks.enqueue('x', { key })).created, true)
    t.equal((await app.tasks.enqueue('x', { key })).created, false, `key of ${key.length}, ${key.charCodeAt(0)}`)
  }
})

inRedis('rerun: what follows cannot be read any more, and the task before it ends', 'keys by hand', async t => {
  const [prefix, go] = [randomPrefix(), latch()]
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('index', { unique: { key: byKey, onConflict: 'rerun' } }, () => go.promise)
  })
  const first = await app.tasks.enqueue('index', { key: 'a' })
  await reaches(app, first.id, 'active')
  await app.tasks.enqueue('index', { key: 'a' })
  const redis = connect(t)
  t.equal(await redis.hset(`${prefix}:{default}:rerun`, first.id, 'overwritten'), 0)
  go.open()
  await reaches(app, first.id, 'succeeded')
  const next = await app.tasks.enqueue('index', { key: 'a' })
  t.equal(next.created, true, 'the key is free')
  await reaches(app, next.id, 'succeeded')
  t.equal(await redis.exists(`${prefix}:{default}:rerun`, `${prefix}:{default}:keyed`), 0, 'nothing is left')
})
