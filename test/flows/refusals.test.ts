/**
 * What enqueueFlow and task.flow.add refuse: each with its code, and nothing is stored.
 */
import t from 'tap'
import { chain, flow, group } from '../../lib/plugin.ts'
import { build, errorOf, keysOf, latch, memoryMode, randomPrefix } from '../support/helpers.ts'

const LONG = { timeout: 60_000 }
const x = (data?: unknown, options: object = {}): any => ({ kind: 'signature', task: 'x', data, options })
const throws = { get kind () { throw new Error('no') } }

t.test('options of enqueueFlow', async t => {
  const prefix = randomPrefix()
  const app = await build(t, memoryMode ? {} : { prefix }, app => { app.tasks.define('x', async () => {}) })
  const before = await keysOf(t, `${prefix}:{*}:jobs`)
  const refused: Array<[options: any, message: RegExp]> = [
    [5, /"options".* must be an object, got 5/],
    [{ id: '' }, /"id".* must be 1 to 80 characters/],
    [{ id: 'x'.repeat(81) }, /"id"/],
    [{ id: 'a b' }, /"id"/],
    [{ failFast: 'no' }, /"failFast".* true or false/],
    [{ finally: {} }, /"finally".* a signature/],
    [{ finally: null }, /"finally"/],
    [{ finally: throws }, /"finally"/],
    [{ delay: -1 }, /"delay"/],
    [{ expires: -1 }, /"expires"/],
    [{ expires: 'soon' }, /"expires"/],
    [{ resultTtl: -1 }, /"resultTtl"/],
    [{ lifetime: 999 }, /"lifetime"/],
    [{ lifetime: 1_000.5 }, /"lifetime"/],
    [{ authorize: 5 }, /"authorize"/],
    [{ authorize: 'y' }, /"authorize".* one of x, got "y"/]
  ]
  for (const [options, message] of refused) {
    const error = await errorOf(app.tasks.enqueueFlow(x(), options))
    t.match(error, { code: 'FST_TASKS_FLOW_OPTION_INVALID', message }, String(message))
  }
  t.match(await errorOf(app.tasks.enqueueFlow(x(), { lifeTime: 5_000 } as any)),
    { code: 'FST_TASKS_OPTION_UNKNOWN', message: /lifetime/ })
  const misspelt = await errorOf(() => flow({ tasks: { a: x(), b: x() }, dependson: { b: ['a'] } } as any))
  t.match(misspelt, { code: 'FST_TASKS_OPTION_UNKNOWN', message: /"dependson" in flow.* "dependsOn"/ })
  t.match(await errorOf(app.tasks.enqueueFlow(x(), { finally: x(0, { id: 'own' }) })),
    { code: 'FST_TASKS_OPTION_CLASH' })
  t.same(await keysOf(t, `${prefix}:{*}:jobs`), before)
})

t.test('shapes and signatures', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', async () => {}) })
  const wide = Array.from({ length: 250 }, () => x())
  const names = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`t${i}`, x()]))
  const late = Object.fromEntries(Array.from({ length: 210 }, (_, i) =>
    [`t${i + 190}`, Object.keys(names).slice(0, 190 + i)]))
  const refused: Array<[shape: any, message: RegExp]> = [
    [{ kind: 'chain', shapes: 5 }, /its list is a number/],
    [chain(x(), { kind: 'group', shapes: null } as any), /Part "1".* its list is null/],
    [{ kind: 'flow', tasks: [], dependsOn: {} }, /its tasks are an array/],
    [flow({ tasks: {} }), /its tasks are an object/],
    [{ kind: 'flow', tasks: { a: x() }, dependsOn: 5 }, /its dependsOn is a number/],
    [flow({ tasks: { 'a b': x() } }), /"a b" is no name/],
    [{ kind: 'flow', tasks: { a: x() }, dependsOn: { a: 'b' } }, /dependsOn\.a is a string/],
    [{ kind: 'loop' }, /it is an object/]
  ]
  for (const [shape, message] of refused) {
    t.match(await errorOf(app.tasks.enqueueFlow(shape)), { code: 'FST_TASKS_FLOW_INVALID', message })
  }
  t.match(await errorOf(app.tasks.enqueueFlow(flow({ tasks: names, dependsOn: late } as any))),
    { code: 'FST_TASKS_FLOW_TOO_LARGE', message: /50000 edges/ })
  t.match(await errorOf(app.tasks.enqueueFlow(chain(group(...wide), x(0, { allowFailure: 'yes' })))),
    { code: 'FST_TASKS_TASK_OPTION_INVALID', message: /allowFailure/ })
  t.match((await app.tasks.counts()).default, { waiting: 0, delayed: 0 })
  const fine = await app.tasks.enqueueFlow(flow({ tasks: { a: x(), b: x() }, dependsOn: { a: undefined } } as any))
  t.ok(fine.created, 'a name may depend on nothing')
})

t.test('task.flow.add: a flow has at most 10,000 members, and the one behind all others', async t => {
  const replies: unknown[] = []
  const said = latch()
  const app = await build(t, {}, app => {
    app.tasks.define('x', { queue: 'idle' }, async () => {})
    app.tasks.define('adds', async (_data, task: any) => {
      for (const key of ['fits', 'more', 'fits']) {
        replies.push(await task.flow.add(key, x()).catch((error: Error & { code: string }) => error.code))
      }
      said.open()
    })
  })
  await app.tasks.startWorker({ queues: ['default'] })
  const others = Array.from({ length: 9_998 }, () => x())
  await app.tasks.enqueueFlow(group({ ...x(), task: 'adds' }, ...others), { finally: x() })
  await said.promise
  t.same(replies, [true, 'FST_TASKS_FLOW_TOO_LARGE', false])
})

t.test('task.flow.add: its key, its signature, and a flow that has been cancelled', async t => {
  const [started, gate] = [latch(), latch()]
  const codes: string[] = []
  const app = await build(t, {}, app => {
    app.tasks.define('x', async () => {})
    app.tasks.define('adds', async (_data, task: any) => {
      for (const key of ['', 'a b', 'x'.repeat(41), 5, null]) codes.push((await errorOf(task.flow.add(key, x()))).code)
      codes.push((await errorOf(task.flow.add('k', null))).code)
      started.open()
      await gate.promise
      codes.push((await errorOf(task.flow.add('late', x()))).code)
      return task.flow.key
    })
  })
  await app.tasks.startWorker()
  const handle = await app.tasks.enqueueFlow({ kind: 'signature', task: 'adds', options: {} } as any)
  await started.promise
  t.equal(await handle.cancel(), 'requested')
  t.equal(await handle.cancel(), 'requested', 'it is being cancelled already')
  gate.open()
  await errorOf(handle.result(LONG))
  t.same(codes.slice(0, 5), Array(5).fill('FST_TASKS_FLOW_KEY_INVALID'))
  t.same(codes.slice(5), ['FST_TASKS_FLOW_INVALID', 'FST_TASKS_FLOW_CLOSED'])
})
