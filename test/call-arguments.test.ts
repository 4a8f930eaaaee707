/**
 * Arguments that a call would take as if they were not there, or that have nothing to store: each is refused, by a
 * coded error that says what came, and nothing is stored.
 */
import t, { type Test } from 'tap'
import { chain, flow, group } from '../lib/plugin.ts'
import { build, errorOf } from './support/helpers.ts'
import type { Task } from '../lib/types.ts'

type Tasks = Awaited<ReturnType<typeof build>>['tasks']
type Call = (tasks: Tasks, given: any) => unknown

const refuse = { getPrototypeOf: undefined, ownKeys (): never { throw new Error('hunter2') } }
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** What is no object of options, and what the error says of it. */
const noOptions: Array<[given: () => unknown, shown: string]> = [
  [() => Promise.resolve({ queue: 'default' }), 'a promise that was not awaited'],
  [() => new Map([['queue', 'default']]), 'a Map'],
  [() => new Set(), 'a Set'],
  [() => new Date(0), '1970'],
  [() => /x/, 'a regular expression'],
  [() => new Error('x'), 'an Error'],
  [() => new Number(1), '1'], // eslint-disable-line no-new-wrappers
  [() => new URL('redis://h'), 'redis://h'],
  [() => true, 'true'],
  [() => 0, '0'],
  [() => '', '""'],
  [revoked, ''],
  [() => new Proxy({}, refuse), '']
]

const one = (tasks: Tasks): any => tasks.define(`x${Math.random()}`.replace('.', ''))
const calls: Record<string, Call> = {
  define: (tasks, given) => tasks.define('other', given, () => 1),
  enqueue: (tasks, given) => tasks.enqueue('x', 1, given),
  enqueueMany: (tasks, given) => tasks.enqueueMany('x', [given]),
  enqueueFlow: (tasks, given) => tasks.enqueueFlow(chain(one(tasks).signature(1)), given),
  'a member of a flow': (tasks, given) => tasks.enqueueFlow(chain(one(tasks).signature(1, given))),
  'the second member': (tasks, given) => {
    const task = one(tasks)
    return tasks.enqueueFlow(group(task.signature(1), task.signature(2, given)))
  },
  defineSchedule: (tasks, given) => tasks.defineSchedule('s', given),
  'schedules.set': (tasks, given) => tasks.schedules.set('s', given),
  'schedules.list': (tasks, given) => tasks.schedules.list(given),
  status: (tasks, given) => tasks.status('x', given),
  handle: (tasks, given) => tasks.handle('x', given),
  cancel: (tasks, given) => tasks.cancel('x', given),
  retry: (tasks, given) => tasks.retry('x', given),
  remove: (tasks, given) => tasks.remove('x', given),
  promote: (tasks, given) => tasks.promote('x', given),
  reschedule: (tasks, given) => tasks.reschedule('x', given),
  logs: (tasks, given) => tasks.logs('x', given),
  list: (tasks, given) => tasks.list(given),
  count: (tasks, given) => tasks.count({ state: 'failed' }, given),
  retryMany: (tasks, given) => tasks.retryMany(given),
  'options of retryMany': (tasks, given) => tasks.retryMany({}, given),
  cancelMany: (tasks, given) => tasks.cancelMany(given),
  removeMany: (tasks, given) => tasks.removeMany(given),
  pause: (tasks, given) => tasks.pause(given),
  resume: (tasks, given) => tasks.resume(given),
  setLimit: (tasks, given) => tasks.setLimit('x', given),
  purge: (tasks, given) => tasks.purge('default', given),
  history: (tasks, given) => tasks.history(given),
  startWorker: (tasks, given) => tasks.startWorker(given)
}

/** How many tasks, flows and schedules there are. */
async function stored (tasks: Tasks): Promise<unknown> {
  return [await tasks.counts(), (await tasks.list({ kind: 'flow' })).tasks, (await tasks.schedules.list()).schedules]
}

async function refuses (t: Test, call: () => unknown, ...says: string[]): Promise<void> {
  const { code = '', message } = await errorOf(async () => { await call() })
  t.match(code, /^FST_TASKS_/, message)
  const all = `${code} ${message}`
  for (const part of says) t.ok(all.includes(part), `"${all}" says: ${part}`)
  t.notMatch(message, 'hunter2')
}

for (const [name, call] of Object.entries(calls)) {
  t.test(`${name}: what is no object of options`, async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', { limit: { max: 1 } }) })
    const before = await stored(app.tasks)
    for (const [given, shown] of noOptions) await refuses(t, () => call(app.tasks, given()), shown)
    t.strictSame(await stored(app.tasks), before, 'nothing is stored')
  })
}

t.test('an option whose getter throws', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const spec = { get task () { throw new Error('hunter2') }, every: 1_000 } as any
  await refuses(t, () => app.tasks.schedules.set('s', spec), '"task"', 'can be read')
  await refuses(t, () => app.tasks.list({ get state () { throw new Error('hunter2') } } as any), '"list.state"')
})

const hostile = { toString () { throw new Error('hunter2') } }
const noIds: Array<[given: unknown, shown: string]> = [
  [undefined, 'undefined'], [null, 'null'], [5, 'a number'], [Symbol('x'), 'a symbol'], [{}, 'an object'],
  [hostile, 'an object'], [Promise.resolve('x'), 'a promise that was not awaited'], [Object.create(null), 'an object'],
  [['x'], 'an array of 1'], [revoked(), '']
]

const byId = ['status', 'handle', 'cancel', 'retry', 'remove', 'logs', 'promote'] as const

t.test('a task whose id is no text', async t => {
  const { tasks } = await build(t, {}, app => { app.tasks.define('x') })
  const before = await stored(tasks)
  const handle = await tasks.enqueue('x')
  const enqueued = tasks.enqueue('x') // not awaited: what most of them come from
  await enqueued
  const more: typeof noIds = [[enqueued, 'a promise that was not awaited'], [handle, 'with the properties id, name']]
  for (const [given, shown] of [...noIds, ...more] as Array<[any, string]>) {
    for (const call of byId) {
      await refuses(t, () => tasks[call](given), 'FST_TASKS_ID_NOT_TEXT', shown, 'await task.enqueue')
    }
    await refuses(t, () => tasks.reschedule(given, { delay: 1 }), 'FST_TASKS_ID_NOT_TEXT', shown)
    await refuses(t, () => tasks.list({ flow: given ?? null }), '"list.flow"')
  }
  t.match(before, [{ default: { waiting: 0 } }])
  t.match((await tasks.counts()).default, { waiting: 2 }, 'both wait')
  for (const text of ['', 'none', 'x'.repeat(2_000)]) {
    t.equal(await tasks.status(text), null)
    t.equal(await tasks.cancel(text), 'unknown')
  }
})

t.test('a schedule whose id is no text', async t => {
  const { tasks: { schedules } } = await build(t)
  for (const [id, shown] of noIds as Array<[any, string]>) {
    for (const call of ['get', 'remove', 'pause', 'resume', 'trigger'] as const) {
      await refuses(t, () => schedules[call](id), 'FST_TASKS_SCHEDULE_ID_INVALID', shown)
    }
  }
  t.equal(await schedules.get('none'), null)
})

t.test('a queue whose name is no text', async t => {
  const app = await build(t)
  t.equal((await errorOf(app.tasks.purge(hostile as any))).code, 'FST_TASKS_QUEUE_UNKNOWN')
})

t.test('a flow without its graph', async t => {
  const app = await build(t)
  for (const given of [undefined, null] as any[]) {
    const { code, message } = await errorOf(async () => app.tasks.enqueueFlow(flow(given)))
    t.equal(code, 'FST_TASKS_FLOW_INVALID')
    t.match(message, 'its tasks are undefined')
  }
})

t.test('define: options behind the handler would be ignored', async t => {
  const app = await build(t)
  const define = app.tasks.define.bind(app.tasks) as any
  for (const behind of [{ retries: 3 }, () => 1, null]) {
    const { code, message } = await errorOf(() => define('x', () => 1, behind))
    t.equal(code, 'FST_TASKS_TASK_OPTION_INVALID')
    t.match(message, 'define(name, options, handler)')
  }
  t.doesNotThrow(() => define('x', () => 1, undefined))
})

t.test('data of which JSON keeps nothing', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x')
    app.tasks.define('checked', { schema: { data: { type: 'object' } } })
  })
  const before = await stored(app.tasks)
  const wrong: Array<[given: unknown, shown: string]> = [
    [Promise.resolve({}), 'a promise that was not awaited'], [new Map([[1, 2]]), 'a Map'], [new Set([1]), 'a Set'],
    [/x/, 'a regular expression'], [new Error('x'), 'an Error'], [NaN, 'NaN'], [Infinity, 'Infinity'],
    [new Date(NaN), 'an invalid Date']
  ]
  const task = app.tasks.define('member') as Task<any>
  for (const [data, shown] of wrong) {
    await refuses(t, () => app.tasks.enqueue('x', data), shown, 'cannot be stored')
    await refuses(t, () => app.tasks.enqueue('checked', data), shown, 'cannot be stored')
    await refuses(t, () => app.tasks.enqueueMany('x', [{ data: 1 }, { data }]), shown)
    await refuses(t, () => app.tasks.enqueueFlow(chain(task.signature(1), task.signature(data))), shown)
    await refuses(t, () => app.tasks.schedules.set('s', { task: 'x', every: 1_000, data }), shown)
  }
  t.strictSame(await stored(app.tasks), before, 'nothing is stored')
  class Point { x = 1 }
  const kept: Array<[given: unknown, json: unknown]> = [
    [new Date(0), '1970-01-01T00:00:00.000Z'], [new Point(), { x: 1 }], [{}, {}], [null, null],
    [Object.create(null), {}], [{ toJSON: () => null }, null], [Buffer.from('a'), { type: 'Buffer', data: [97] }]
  ]
  for (const [data, json] of kept) {
    await app.tasks.enqueue('x', data)
    t.strictSame(JSON.parse(JSON.stringify(data)), json)
  }
})

t.test('progress of which JSON keeps nothing', async t => {
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', async (_data, task) => {
      const refused: string[] = []
      for (const progress of [Promise.resolve({}), new Map(), NaN, new Date(NaN)] as any[]) {
        const { code, message } = await errorOf(() => task.reportProgress(progress))
        refused.push(`${code} ${message}`)
      }
      return refused
    })
  })
  const refused = await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }) as string[]
  const shown = ['a promise that was not awaited', 'a Map', 'NaN', 'an invalid Date']
  t.equal(refused.length, shown.length)
  refused.forEach((text, i) => t.match(text, new RegExp(`^FST_TASKS_PROGRESS_INVALID .*the progress is ${shown[i]}$`)))
})

t.test('options of a class, or without a prototype, are options', async t => {
  class Options { retries = 3 }
  const app = await build(t, {}, app => { app.tasks.define('x') })
  for (const options of [new Options(), Object.assign(Object.create(null), { retries: 3 })]) {
    t.equal((await app.tasks.enqueue('x', 1, options)).snapshot?.attempts, 4)
  }
})

t.test('a list with a hole is refused, as one with an item that is none', async t => {
  const limited = { rate: { max: 1, timeWindow: 100 } }
  const { tasks } = await build(t, { queues: ['mail'] }, app => { app.tasks.define('x', limited) })
  const list = (item?: unknown): any => Object.assign(new Array(2), item === undefined ? {} : { 1: item })
  const rate = { max: 1, timeWindow: 1_000 }
  await refuses(t, () => tasks.enqueue('x', 1, { tags: list('a') }), '"tags"')
  for (const rates of [list(), list(rate)]) await refuses(t, () => tasks.define('y', { rate: rates }), '"rate"')
  await refuses(t, () => tasks.define('y', { onFailed: list(() => {}) }), '"onFailed"')
  await refuses(t, () => tasks.define('y', { expose: list('data') }), '"expose"')
  await refuses(t, () => tasks.setLimit('x', { rate: list(rate) }), '"setLimit.rate"')
  await refuses(t, () => tasks.count({ state: list('failed') }), '"count.state"')
  await refuses(t, () => tasks.startWorker({ queues: list('mail') }), '"worker.queues"')
  await refuses(t, () => build(t, { queues: list('mail') }), '"queues"')
})

t.test('options of define that change afterwards change no task, and those of a prototype are none', async t => {
  const app = await build(t)
  const options: any = { retries: 1, priority: 'high' }
  app.tasks.define('first', options)
  Object.assign(options, { retries: 2, queue: 'mail', limit: 'none' })
  delete options.priority
  app.tasks.define('second', { ...options, limit: undefined })
  app.tasks.define('third', Object.create({ retries: -1, resultTtl: 'x' }))
  const snapshot = async (name: string) => (await app.tasks.enqueue(name)).snapshot
  t.match(await snapshot('first'), { queue: 'default', attempts: 2, priority: 'high' })
  t.match(await snapshot('second'), { queue: 'mail', attempts: 3, priority: 'normal' })
  t.match(await snapshot('third'), { attempts: 1 })
})
