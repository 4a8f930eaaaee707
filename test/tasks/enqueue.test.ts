import t from 'tap'
import { build, errorOf, keysOf, pass, randomPrefix, reaches } from '../support/helpers.ts'

const circular: any = {}
circular.self = circular

t.test('define', async t => {
  const app = await build(t)
  const task = app.tasks.define('one', { queue: 'mail' })
  t.match(task, { name: 'one', queue: 'mail' })
  t.match(await errorOf(() => app.tasks.define('one')), { code: 'FST_TASKS_ALREADY_DEFINED' })
  t.match(await errorOf(() => app.tasks.define('no spaces')), { code: 'FST_TASKS_NAME_INVALID', message: /no spaces/ })
  t.match(await errorOf(() => app.tasks.define('two', {}, 'handler' as any)), {
    code: 'FST_TASKS_HANDLER_INVALID', message: /got "handler"/
  })
  t.match(await errorOf(() => app.tasks.define('two', { retries: -1 })), {
    code: 'FST_TASKS_TASK_OPTION_INVALID', message: /retries.*-1/
  })
})

t.test('the task in place of its name: the error says what to pass', async t => {
  const app = await build(t)
  const task = app.tasks.define('x')
  const { code, message } = await errorOf(app.tasks.enqueue(task as any, 1))
  t.equal(code, 'FST_TASKS_NOT_DEFINED')
  t.match(message, /pass its name, a string\. Defined here: x$/)
})

t.test('what is wrong is refused, and nothing is in Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, maxDataSize: 100 }, app => { app.tasks.define('x') })
  const cases: Array<[string, () => Promise<unknown>]> = [
    ['FST_TASKS_NOT_DEFINED', () => app.tasks.enqueue('y')],
    ['FST_TASKS_NOT_DEFINED', () => app.tasks.enqueue('__proto__')],
    ['FST_TASKS_NOT_DEFINED', () => app.tasks.enqueue(undefined as any)],
    ['FST_TASKS_DATA_INVALID', () => app.tasks.enqueue('x', 1n)],
    ['FST_TASKS_DATA_INVALID', () => app.tasks.enqueue('x', circular)],
    ['FST_TASKS_DATA_INVALID', () => app.tasks.enqueue('x', () => {})],
    ['FST_TASKS_DATA_TOO_LARGE', () => app.tasks.enqueue('x', 'é'.repeat(60))],
    ['FST_TASKS_ID_INVALID', () => app.tasks.enqueue('x', 1, { id: '' })],
    ['FST_TASKS_ID_INVALID', () => app.tasks.enqueue('x', 1, { id: '../../x' })],
    ['FST_TASKS_ID_INVALID', () => app.tasks.enqueue('x', 1, { id: '..' })],
    ['FST_TASKS_QUEUE_UNKNOWN', () => app.tasks.enqueue('x', 1, { queue: 'nowhere' })],
    ['FST_TASKS_TASK_OPTION_INVALID', () => app.tasks.enqueue('x', 1, { delay: 1.5 })],
    ['FST_TASKS_TASK_OPTION_INVALID', () => app.tasks.enqueue('x', 1, { delayUntil: 1_700_000_000 })],
    ['FST_TASKS_OPTION_CLASH', () => app.tasks.enqueue('x', 1, { delay: 1, delayUntil: new Date() })],
    ['FST_TASKS_OPTION_UNKNOWN', () => app.tasks.enqueue('x', 1, { dealy: 1 } as any)],
    ['FST_TASKS_DATA_INVALID', () => app.tasks.enqueueMany('x', [{ data: 1 }, { data: 1n }])]
  ]
  for (const [code, run] of cases) t.equal((await errorOf(run)).code, code)
  t.same(await keysOf(t, prefix), [])
  t.same(Object.values((await app.tasks.counts()).default!).filter(count => typeof count === 'number' && count > 0), [])
})

t.test('data comes as it was sent', async t => {
  const got: unknown[] = []
  const app = await build(t, { worker: { concurrency: 1 } }, app => {
    app.tasks.define('x', data => { got.push(data); return data })
  })
  const values = [null, 0, '', false, [], {}, 'é', { a: [1, { b: null }] }, 9_007_199_254_740_991]
  const handles = await app.tasks.enqueueMany('x', [...values.map(data => ({ data })), {}])
  t.same(await Promise.all(handles.map(one => one.result({ timeout: 60_000 }))), [...values, null])
  t.same(got, [...values, undefined], 'in the order in which they were enqueued')
})

t.test('a handle', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const handle = await app.tasks.enqueue('x', { a: 1 })
  t.match(handle, { name: 'x', queue: 'default', created: true, location: `/tasks/${handle.id}` })
  t.match(handle.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
  t.same(handle.snapshot, await handle.status(), 'the snapshot is the status as it was enqueued')
  t.equal(await handle.cancel(), 'cancelled')
  t.match(await handle.status(), { state: 'cancelled' })
  t.match(await errorOf(handle.result()), { code: 'FST_TASKS_CANCELLED' })
  const other = await app.tasks.handle(handle.id)
  t.match(other, { id: handle.id, name: 'x', created: false, snapshot: null })
  t.equal(await app.tasks.handle('nobody'), null)
})

t.test('an id of one\'s own', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x'); app.tasks.define('y') })
  const [first, second] = await Promise.all([
    app.tasks.enqueue('x', 1, { id: 'invoice:7' }), app.tasks.enqueue('x', 2, { id: 'invoice:7' })
  ])
  t.same([first.created, second.created].sort(), [false, true], 'two enqueues make one task')
  t.equal(second.id, 'invoice:7')
  const taken = await errorOf(app.tasks.enqueue('y', 1, { id: 'invoice:7' }))
  t.match(taken, { code: 'FST_TASKS_ID_TAKEN', statusCode: 409, cause: { message: /task "x" in queue "default"/ } })
  t.notMatch(taken.message, /"x"|default/, 'a client is not told whose id it is')
  const [again, fresh] = await app.tasks.enqueueMany('x', [{ id: 'invoice:7' }, { id: 'invoice:8' }])
  t.same([again!.created, fresh!.created], [false, true])
})

t.test('delay, delayUntil and expires', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const [delayed, until, past] = await Promise.all([
    app.tasks.enqueue('x', 1, { delay: 60_000 }),
    app.tasks.enqueue('x', 1, { delayUntil: new Date(Date.now() + 60_000) }),
    app.tasks.enqueue('x', 1, { delayUntil: Date.now() - 1 })
  ])
  t.same([delayed.snapshot!.state, until.snapshot!.state, past.snapshot!.state], ['delayed', 'delayed', 'waiting'])
  const stored = await Promise.all([delayed, until, past].map(handle => handle.status()))
  t.same(stored.map(record => record!.state), ['delayed', 'delayed', 'waiting'])
})

t.test('expires: what was not started in time never is', async t => {
  let runs = 0
  const app = await build(t, {}, app => { app.tasks.define('x', () => { runs++ }) })
  const expired = await app.tasks.enqueue('x', 1, { expires: new Date(Date.now() - 1) })
  const kept = await app.tasks.enqueue('x', 1, { expires: 60_000 })
  await app.tasks.startWorker()
  await kept.result({ timeout: 60_000 })
  t.match(await reaches(app, expired.id, 'expired'), { attempt: 0, startedAt: null })
  t.match(await errorOf(expired.result()), { code: 'FST_TASKS_EXPIRED' })
  t.equal(runs, 1)
})

t.test('a delayed task runs at its time, and not before', async t => {
  const ran: string[] = []
  const app = await build(t, { worker: true }, app => { app.tasks.define('x', name => { ran.push(name) }) })
  const late = await app.tasks.enqueue('x', 'late', { delay: 700 })
  const early = await app.tasks.enqueue('x', 'early', { delay: 200 })
  await pass(app, 700)
  const waits = [late, early].map(async ({ id }) => {
    const { enqueuedAt, startedAt } = await reaches(app, id, 'succeeded')
    return Date.parse(startedAt!) - Date.parse(enqueuedAt)
  })
  const [ofLate, ofEarly] = await Promise.all(waits)
  // Redis' clock and ours, each in whole ms.
  t.ok(ofLate! >= 695 && ofEarly! >= 195, `${ofLate} and ${ofEarly} ms`)
  t.same(ran, ['early', 'late'], 'the one that is due earlier, though enqueued later, runs first')
})

t.test('enqueueMany', async t => {
  const app = await build(t, { queues: ['bulk'], worker: { queues: ['default', 'bulk'], concurrency: 100 } }, app => {
    app.tasks.define('x', (n: number) => n * 2)
  })
  t.same(await app.tasks.enqueueMany('x', []), [])
  const items = Array.from({ length: 1_234 }, (_, n) => ({ data: n, queue: n % 3 === 0 ? 'bulk' : 'default' }))
  const handles = await app.tasks.enqueueMany('x', items)
  t.equal(new Set(handles.map(one => one.id)).size, 1_234)
  t.same(handles.map(one => one.queue), items.map(one => one.queue))
  const results = await Promise.all(handles.slice(0, 50).map(one => one.result({ timeout: 10_000 })))
  t.same(results, items.slice(0, 50).map(one => one.data * 2))
})

t.test('data in the place of an item of enqueueMany: the error names the call, and how an item is written', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x')
    app.tasks.define('hooked', { preEnqueue: async () => {} })
  })
  for (const name of ['x', 'hooked']) {
    const message = new RegExp(`"width" in enqueueMany\\("${name}", \\[\\{ data, \\.\\.\\.options \\}\\]\\)`)
    const error = await errorOf(app.tasks.enqueueMany(name, [{ width: 1 } as any]))
    t.match(error, { code: 'FST_TASKS_OPTION_UNKNOWN', message })
  }
})

t.test('result: its timeout and its signal', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const handle = await app.tasks.enqueue('x')
  t.match(await errorOf(handle.result({ timeout: 20 })), { code: 'FST_TASKS_RESULT_TIMEOUT', statusCode: 504 })
  t.match(await errorOf(handle.result({ signal: AbortSignal.timeout(20) })), { name: 'TimeoutError' })
  t.match(
    await errorOf(handle.result({ timeout: 2 ** 31 })),
    { code: 'FST_TASKS_TASK_OPTION_INVALID', message: /"x".*"timeout".*2147483648/ },
    'not at once, as a timer would end'
  )
  t.match(await errorOf(handle.result({ signal: 5 as any })), {
    code: 'FST_TASKS_TASK_OPTION_INVALID', message: /"signal"/
  })
  t.match(await errorOf(handle.result({ timout: 5 } as any)), {
    code: 'FST_TASKS_OPTION_UNKNOWN', message: /Did you mean "timeout"/
  })
  t.match(await errorOf(handle.result(null as any)), { code: 'FST_TASKS_TASK_OPTION_INVALID', message: /"options"/ })
  t.match(await errorOf(handle.result({ timeout: 0 })), { code: 'FST_TASKS_RESULT_TIMEOUT' })
  const gone = await app.tasks.enqueue('x')
  const waits = errorOf(gone.result())
  t.equal(await app.tasks.remove(gone.id), 'removed')
  t.match(await errorOf(gone.result()), { code: 'FST_TASKS_NOT_FOUND', statusCode: 404 })
  t.match(await waits, { code: 'FST_TASKS_NOT_FOUND' }, 'also for who waited when it went')
})
