/**
 * A handler's `task` has what TaskContext names, and nothing else: with more, a handler could run itself again, or leave
 * its task active for ever.
 */
import t from 'tap'
import { build } from '../support/helpers.ts'

const NAMES = ['attempt', 'attempts', 'data', 'id', 'log', 'name', 'queue', 'reportProgress', 'requestId', 'signal',
  'traceparent', 'tracestate', 'updateState']

/** All that can be reached from an object, own or inherited, but for what every object has. */
function namesOf (value: object): string[] {
  const found = new Set<string>()
  for (let holder = value; holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    for (const key of Reflect.ownKeys(holder)) found.add(String(key))
  }
  return [...found].sort()
}

t.test('in the process', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (_data, task) => namesOf(task))
  })
  await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  t.same(await task.result(), ['app', ...NAMES].sort())
})

t.test('in a thread', async t => {
  const dir = t.testdir({ 'names.mjs': `export default (_data, task) => { return (${namesOf})(task) }` })
  const app = await build(t, {}, app => {
    app.tasks.define('x', { thread: `${dir}/names.mjs` })
  })
  await app.tasks.startWorker()
  const task = await app.tasks.enqueue('x')
  t.same(await task.result(), NAMES)
})

t.test('no way leads to the engine\'s own object', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', async (_data, task: any) => [task.start, task.abort, task.constructor === Object, JSON.stringify(task)])
  })
  await app.tasks.startWorker()
  t.same(await (await app.tasks.enqueue('x')).result(), [null, null, true, '{}'])
})
