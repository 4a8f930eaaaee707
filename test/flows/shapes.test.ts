/**
 * Each shape of a flow: what runs after what, what it reads, and what is refused before anything is stored.
 */
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { chain, chord, flow, group } from '../../lib/plugin.ts'
import { build, errorOf, keysOf, memoryMode, randomPrefix } from '../support/helpers.ts'
import type { FlowOptions, FlowShape, Task } from '../../lib/types.ts'

interface Fixture {
  app: FastifyInstance
  prefix: string
  add: Task<number, number, any, any>
  sum: Task<null, number, any, any>
  see: Task<string, any, any, any>
  log: string[]
  run: (shape: FlowShape<any, any>, options?: FlowOptions) => Promise<any>
}

async function fixture (t: Test): Promise<Fixture> {
  const prefix = randomPrefix()
  const log: string[] = []
  const app = await build(t, memoryMode ? {} : { prefix })
  const add = app.tasks.define<number, number, any, any>('add', { queue: 'other' }, async (data, task) =>
    data + ((await task.previous()) ?? 0))
  const sum = app.tasks.define<null, number, any, any>('sum', async (_data, task) =>
    (await task.results<number[]>()).flat(9).reduce((sum, one) => sum + one, 0))
  const see = app.tasks.define<string, any, any, any>('see', async (data, task) => {
    log.push(data)
    return { data, key: task.flow!.key, results: await task.results() }
  })
  await app.tasks.startWorker()
  const run = async (shape: FlowShape<any, any>, options?: FlowOptions): Promise<any> =>
    (await app.tasks.enqueueFlow(shape, options)).result({ timeout: 60_000 })
  return { app, prefix, add, sum, see, log, run }
}

t.test('a chain: each reads what the one before returned', async t => {
  const { run, add } = await fixture(t)
  t.equal(await run(chain(add.signature(1), add.signature(10), add.signature(100))), 111)
  t.equal(await run(add.signature(5)), 5, 'one task is a flow too')
})

t.test('a group: side by side, its result is a list in order', async t => {
  const { run, add } = await fixture(t)
  t.same(await run(group(add.signature(1), add.signature(2), add.signature(3))), [1, 2, 3])
})

t.test('a chord: the callback reads all results, in order', async t => {
  const { run, add, sum, see } = await fixture(t)
  t.equal(await run(chord([add.signature(1), add.signature(2), add.signature(3)], sum.signature(null))), 6)
  t.same((await run(chain(group(add.signature(4), add.signature(5)), see.signature('x')))).results, [4, 5],
    'a group, then a task in a chain is a chord too')
})

t.test('a graph: tasks read results by name', async t => {
  const { run, add, see } = await fixture(t)
  const result = await run(flow({
    tasks: { a: add.signature(1), b: add.signature(2), c: see.signature('c'), d: see.signature('d') },
    dependsOn: { b: ['a'], c: ['a', 'b'], d: ['a'] }
  }))
  t.match(result, { c: { key: 'c', results: { a: 1, b: 3 } }, d: { key: 'd', results: { a: 1 } } })
  t.same(Object.keys(result), ['c', 'd'], 'the result has the tasks that no other waits for')
})

t.test('a graph: names that every object has', async t => {
  const { run, add, see } = await fixture(t)
  const tasks = { constructor: add.signature(1), toString: add.signature(2), valueOf: see.signature('c') }
  t.same(Object.keys(await run(flow({ tasks } as any))), ['constructor', 'toString', 'valueOf'])
  const result = await run(flow({ tasks, dependsOn: { valueOf: ['constructor', 'toString'] } } as any))
  t.match(result, { valueOf: { results: { constructor: 1, toString: 2 } } })
})

t.test('shapes nest in each other', async t => {
  const { run, add, sum, see } = await fixture(t)
  const inner = chord([add.signature(1), chain(add.signature(2), add.signature(3))], sum.signature(null))
  t.equal(await run(chain(inner, add.signature(100))), 106)
  const result = await run(chain(group(inner, group(add.signature(7), add.signature(8))), see.signature('end')))
  t.same(result.results, [6, [7, 8]])
})

t.test('wide joins, and many members', async t => {
  const { run, add, sum } = await fixture(t)
  const many = Array.from({ length: 1_200 }, (_, i) => add.signature(i))
  t.equal(await run(chain(add.signature(0), group(...many), sum.signature(null))), 1_200 * 1_199 / 2)
})

t.test('what is refused: nothing is stored', async t => {
  const { app, prefix, add, sum } = await fixture(t)
  const before = await keysOf(t, `${prefix}:{*}:jobs`)
  const enqueue = (shape: any, options?: any): Promise<any> => errorOf(app.tasks.enqueueFlow(shape, options))
  const tasks = { a: add.signature(1), b: add.signature(2) }
  t.match(await enqueue(flow({ tasks, dependsOn: { a: ['b'], b: ['a'] } })),
    { code: 'FST_TASKS_FLOW_INVALID', message: /wait for each other: a, b/ })
  t.match(await enqueue(flow({ tasks, dependsOn: { a: ['c'] } } as any)),
    { code: 'FST_TASKS_FLOW_INVALID', message: /"c"/ })
  t.match(await enqueue(group()), { code: 'FST_TASKS_FLOW_INVALID', message: /empty/ })
  t.match(await enqueue(chain(add.signature(1), 5 as any)),
    { message: /Part "1" of the flow cannot be used: it is a number/ })
  t.match(await enqueue(null), { code: 'FST_TASKS_FLOW_INVALID' })
  t.match(await enqueue({ kind: 'signature', task: 'nobody', options: {} }), { code: 'FST_TASKS_NOT_DEFINED' })
  t.match(await enqueue(add.signature(1n as any)), { code: 'FST_TASKS_DATA_INVALID' })
  t.match(await enqueue(add.signature(1, { retries: -1 })), { code: 'FST_TASKS_TASK_OPTION_INVALID' })
  t.match(await enqueue(add.signature(1, { id: 'x' } as any)), { code: 'FST_TASKS_OPTION_CLASH' })
  t.match(await enqueue(add.signature(1), { lifetime: 1 }), { code: 'FST_TASKS_FLOW_OPTION_INVALID' })
  t.match(await enqueue(add.signature(1), { failfast: true }), { code: 'FST_TASKS_OPTION_UNKNOWN' })
  const many = Array.from({ length: 10_001 }, () => add.signature(1))
  t.match(await enqueue(chord(many, sum.signature(null))), { code: 'FST_TASKS_FLOW_TOO_LARGE' })
  let deep: FlowShape = add.signature(1)
  for (let i = 0; i < 200; i++) deep = chain(deep)
  t.match(await enqueue(deep), { code: 'FST_TASKS_FLOW_TOO_LARGE' })
  t.same(await keysOf(t, `${prefix}:{*}:jobs`), before)
  t.match((await app.tasks.counts()).other, { waiting: 0, delayed: 0, active: 0, succeeded: 0, failed: 0 })
})

t.test('an id of one\'s own makes one flow', async t => {
  const { app, add } = await fixture(t)
  const first = await app.tasks.enqueueFlow(chain(add.signature(1), add.signature(2)), { id: 'mine' })
  const second = await app.tasks.enqueueFlow(chain(add.signature(1), add.signature(2)), { id: 'mine' })
  t.same([first.created, second.created], [true, false])
  t.equal(await second.result({ timeout: 60_000 }), 3)
  await app.tasks.enqueue('sum', null, { id: 'taken' })
  t.match(await errorOf(app.tasks.enqueueFlow({ ...app.tasks.define('own').signature() }, { id: 'taken' })),
    { code: 'FST_TASKS_ID_TAKEN' })
})
