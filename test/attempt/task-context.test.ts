/**
 * A handler's `task` has the members of TaskContext and no others. With those of Attempt a handler could run itself
 * again, or leave its task active for ever.
 */
import t from 'tap'
import { build } from '../support/helpers.ts'

const NAMES = ['attempt', 'attempts', 'data', 'id', 'log', 'name', 'previous', 'queue', 'reportProgress', 'requestId',
  'results', 'schedule', 'signal', 'traceparent', 'tracestate', 'updateState']

/** All members of an object, own or inherited, without those of Object.prototype. */
function namesOf (value: object): string[] {
  const found = new Set<string>()
  for (let holder = value; holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    for (const key of Reflect.ownKeys(holder)) found.add(String(key))
  }
  return [...found].sort()
}

t.test('members of task in the worker\'s process', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (_data, task) => namesOf(task))
  })
  await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  t.same(await task.result(), ['app', 'flow', ...NAMES].sort())
})

t.test('members of task in a thread', async t => {
  const dir = t.testdir({ 'names.mjs': `export default (_data, task) => { return (${namesOf})(task) }` })
  const app = await build(t, {}, app => {
    app.tasks.define('x', { thread: `${dir}/names.mjs` })
  })
  await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  t.same(await task.result(), NAMES)
})

t.test('the attempt itself cannot be reached', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (_data, task: any) => {
      return [task.start, task.abort, task.constructor === Object, JSON.stringify(task)]
    })
  })
  await app.tasks.startWorker()
  t.same(await (await app.tasks.enqueue('x')).result(), [null, null, true, '{}'])
})
