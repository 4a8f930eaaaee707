/**
 * preEnqueue: sees each task before it is enqueued, and may change it.
 */
import t from 'tap'
import { build, errorOf, where } from '../support/helpers.ts'
import type { EnqueueEntry } from '../../lib/types.ts'

const schema = {
  data: { type: 'object', required: ['tenant'], properties: { tenant: { type: 'string' }, n: { type: 'integer' } } }
}

t.test('it changes data before that is validated, and options', async t => {
  const app = await build(t, where(), app => {
    app.tasks.addHook('preEnqueue', async ({ name, queue, data, options }) => {
      t.match({ name, queue, data, options }, { name: 'x', queue: 'default', data: {}, options: { retries: 1 } })
      data.tenant = 'a'
      options.delay = 3_600_000
    })
    app.tasks.define('x', { schema, expose: ['data'] }, () => 1)
  })
  const options = { retries: 1 }
  const { id } = await app.tasks.enqueue('x', { n: 1 }, options)
  t.match(await app.tasks.status(id), { state: 'delayed', data: { n: 1, tenant: 'a' } })
  t.strictSame(options, { retries: 1 }, 'the options of the caller stay as they are')
})

t.test('it may replace data, options and queue, and is called in callback style too', async t => {
  const app = await build(t, { ...where(), queues: ['slow'] }, app => {
    app.tasks.define('x', {
      expose: ['data'],
      preEnqueue: [
        (entry, done) => {
          entry.data = { seen: entry.data }
          entry.options = { id: 'mine' }
          setImmediate(done)
        },
        entry => { entry.queue = 'slow' }
      ]
    }, () => 1)
  })
  const handle = await app.tasks.enqueue('x', 1, { delay: 60_000 })
  t.match(handle, { id: 'mine', queue: 'slow' })
  t.match(await handle.status(), { state: 'waiting', data: { seen: 1 } })
  t.match(await app.tasks.enqueue('x', 1, { queue: 'none' }), { queue: 'slow', created: false }, 'what it says counts')
})

t.test('it may change the queue as an option too; an entry without options, and options that are none', async t => {
  const app = await build(t, { ...where(), queues: ['slow', 'quick'] }, app => {
    const define = (name: string, preEnqueue: (entry: EnqueueEntry) => void): unknown =>
      app.tasks.define(name, { preEnqueue: async entry => preEnqueue(entry) }, () => 1)
    define('option', entry => { entry.options.queue = 'slow' })
    define('both', entry => { Object.assign(entry, { queue: 'quick', options: { queue: 'slow' } }) })
    define('none', entry => { Reflect.deleteProperty(entry, 'options') })
    define('bad', entry => { (entry as any).options = [1] })
  })
  t.match(await app.tasks.enqueue('option'), { queue: 'slow' })
  t.match((await app.tasks.enqueueMany('option', [{ queue: 'quick' }]))[0], { queue: 'slow' })
  t.match(await app.tasks.enqueue('both'), { queue: 'quick' })
  t.match(await app.tasks.enqueue('none', 1, { queue: 'slow' }), { queue: 'slow' })
  t.match(await errorOf(app.tasks.enqueue('bad')), { code: 'FST_TASKS_TASK_OPTION_INVALID', message: /got \[1\]/ })
  for (const options of [60_000, 'slow', null] as any[]) {
    t.match(await errorOf(app.tasks.enqueue('none', 1, options)), { code: 'FST_TASKS_TASK_OPTION_INVALID' })
  }
})

t.test('once for each entry of enqueueMany, in order; nothing is sent if one of them throws', async t => {
  const seen: unknown[] = []
  const app = await build(t, where(), app => {
    app.tasks.addHook('preEnqueue', async entry => {
      seen.push(entry.data)
      if (entry.data === 'bad') throw new Error('not this one')
      entry.options.id = `id-${entry.data}`
    })
    app.tasks.define('x', () => 1)
  })
  const handles = await app.tasks.enqueueMany('x', [{ data: 1 }, { data: 2 }, { data: 3 }])
  t.strictSame(handles.map(({ id }) => id), ['id-1', 'id-2', 'id-3'])
  t.strictSame(seen, [1, 2, 3])
  t.equal((await errorOf(app.tasks.enqueueMany('x', [{ data: 4 }, { data: 'bad' }]))).message, 'not this one')
  t.equal((await errorOf(app.tasks.enqueue('x', 'bad'))).message, 'not this one')
  t.equal(await app.tasks.status('id-4'), null)
  t.equal((await app.tasks.counts()).default!.waiting, 3)
})

t.test('what it makes is checked as what an app passes', async t => {
  let change = (_entry: EnqueueEntry): void => {}
  const app = await build(t, where(), app => {
    app.tasks.define('x', { schema, preEnqueue: entry => change(entry) }, () => 1)
  })
  const codeAfter = async (made: typeof change): Promise<string> => {
    change = made
    return (await errorOf(app.tasks.enqueue('x', { tenant: 'a' }))).code
  }
  t.equal(await codeAfter(entry => { entry.data = { n: 1 } }), 'FST_ERR_VALIDATION')
  t.equal(await codeAfter(entry => { entry.options.retries = -1 }), 'FST_TASKS_TASK_OPTION_INVALID')
  t.equal(await codeAfter(entry => { entry.queue = 'none' }), 'FST_TASKS_QUEUE_UNKNOWN')
  const { name } = await errorOf(async () => {
    change = entry => { (entry as any).name = 'y' }
    await app.tasks.enqueue('x', { tenant: 'a' })
  })
  t.equal(name, 'TypeError', 'the name is not for hooks to change')
})
