/**
 * Pause and resume of a queue, and of the tasks of one name.
 */
import t from 'tap'
import {
  build, elsewhere, errorOf, inRedis, latch, memoryMode, pass, randomPrefix, reaches, until
} from '../support/helpers.ts'
import { claimsMeanwhile, commandsOf } from '../support/monitor.ts'

const ready = { kind: 'pause', text: 'queue "default" is paused' }

t.test('a paused queue starts nothing, whatever enters it, and goes on in its order', async t => {
  const prefix = randomPrefix()
  const ran: string[] = []
  const [started, go] = [latch(), latch()]
  const define = (app: any): void => {
    app.tasks.define('first', async () => {
      started.open()
      await go.promise
    })
    app.tasks.define('note', async (data: string) => { ran.push(data) })
    app.tasks.define('again', { retries: 1, backoff: { strategy: 'immediate' } }, async (_data: any, task: any) => {
      if (task.attempt === 1) await go.promise
      if (task.attempt === 1) throw new Error('no')
      ran.push('again')
    })
  }
  const app = await build(t, { prefix }, define)
  const other = await elsewhere(t, app, prefix)
  await app.tasks.startWorker({ concurrency: 2 })
  const running = await app.tasks.enqueue('first')
  const again = await app.tasks.enqueue('again')
  await started.promise
  await reaches(app, again.id, 'active')
  t.equal(await other.tasks.pause({ queue: 'default' }), true)
  t.equal(await app.tasks.pause({ queue: 'default' }), false, 'it is paused already')
  const handles = [await app.tasks.enqueue('note', 'a'), ...await app.tasks.enqueueMany('note', [{ data: 'b' }])]
  const delayed = await app.tasks.enqueue('note', 'c', { delay: 50 })
  go.open()
  await pass(app, 100)
  await reaches(app, running.id, 'succeeded')
  await reaches(app, again.id, 'retrying')
  await reaches(app, delayed.id, 'waiting')
  t.match(await app.tasks.counts(), { default: { waiting: 4, delayed: 0, active: 0, paused: true, pausedTasks: [] } })
  for (const { id } of [...handles, delayed, again]) t.match(await app.tasks.status(id), { blockedBy: ready })
  const { tasks } = await app.tasks.list({ state: 'waiting' })
  t.strictSame(tasks.map(({ id, blockedBy }) => [id, blockedBy?.text]).slice(0, 1), [[handles[0]!.id, ready.text]])
  t.same(ran, [])
  t.equal(await other.tasks.resume({ queue: 'default' }), true)
  t.equal(await other.tasks.resume({ queue: 'default' }), false)
  for (const { id } of [...handles, delayed, again]) {
    t.match(await reaches(app, id, 'succeeded'), { blockedBy: null })
  }
  t.same(ran.filter(what => what !== 'again'), ['a', 'b', 'c'])
  t.match(await app.tasks.counts(), { default: { waiting: 0, paused: false } })
})

t.test('a pause of a name holds back its tasks only, in every queue', async t => {
  const ran: string[] = []
  const app = await build(t, { queues: ['mail'] }, app => {
    app.tasks.define('held', async (data: any) => { ran.push(`held ${data}`) })
    app.tasks.define('free', async (data: any) => { ran.push(`free ${data}`) })
  })
  t.equal(await app.tasks.pause({ name: 'held' }), true)
  const held = [
    await app.tasks.enqueue('held', 1), await app.tasks.enqueue('held', 2), await app.tasks.enqueue('held', 3, {
      queue: 'mail'
    })
  ]
  const free = [await app.tasks.enqueue('free', 1), await app.tasks.enqueue('free', 2, { queue: 'mail' })]
  await app.tasks.startWorker({ concurrency: 1 })
  for (const { id } of free) await reaches(app, id, 'succeeded')
  for (const { id } of held) {
    t.match(await app.tasks.status(id), {
      state: 'waiting', blockedBy: { kind: 'pause', text: 'task "held" is paused' }
    })
  }
  t.match(await app.tasks.counts(), {
    default: { waiting: 2, paused: false, pausedTasks: ['held'] }, mail: { waiting: 1, pausedTasks: ['held'] }
  })
  t.equal(await app.tasks.resume({ name: 'held', queue: 'mail' }), true)
  await reaches(app, held[2]!.id, 'succeeded')
  t.match(await app.tasks.status(held[0]!.id), { state: 'waiting' })
  t.equal(await app.tasks.resume({ name: 'held' }), true)
  for (const { id } of held) await reaches(app, id, 'succeeded')
  t.same(ran.filter(what => what.startsWith('held')), ['held 3', 'held 1', 'held 2'])
})

t.test('who waits for a result is told', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', async () => 'done') })
  await app.tasks.pause({ name: 'x' })
  const handle = await app.tasks.enqueue('x')
  // Long enough for one read on a busy machine.
  t.match(await errorOf(handle.result({ timeout: 500 })), {
    code: 'FST_TASKS_RESULT_TIMEOUT', message: /after 500 ms: task "x" is paused\. It goes/, blockedBy: { kind: 'pause' }
  })
  t.match(await errorOf(handle.result({ timeout: 0 })), {
    message: /after 0 ms: task "x" is paused\. It goes/, blockedBy: { kind: 'pause' }
  }, 'a read without a wait too')
  await app.tasks.resume({ name: 'x' })
  t.match(await errorOf(handle.result({ timeout: 500 })), { message: /after 500 ms\. It/, blockedBy: null })
  const url = `/tasks/${handle.id}`
  const { etag } = (await app.inject(url)).headers
  const changed = app.inject({ url, headers: { prefer: 'wait=20', 'if-none-match': etag } })
  let isAnswered = false
  void changed.then(() => { isAnswered = true })
  await until('the long poll is answered', async () => {
    await app.tasks.pause({ queue: 'default' })
    await new Promise(resolve => setImmediate(resolve))
    if (isAnswered) return true
    await app.tasks.resume({ queue: 'default' })
    return false
  }, 20_000)
  t.match((await changed).json(), { blockedBy: { kind: 'pause' } })
  await app.tasks.resume({ queue: 'default' })
  await app.tasks.startWorker()
  t.equal(await handle.result(), 'done')
})

t.test('paused tasks are cancelled, removed, purged and listed as others', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x', async () => {}) })
  await app.tasks.pause({ queue: 'default' })
  const [a, b, c, d] = await app.tasks.enqueueMany('x', [{}, {}, {}, {}])
  t.equal(await a!.cancel(), 'cancelled')
  t.equal(await app.tasks.remove(b!.id), 'removed')
  const first = await app.tasks.list({ state: 'waiting', queue: 'default', limit: 1 })
  const next = await app.tasks.list({ state: 'waiting', queue: 'default', limit: 1, cursor: first.cursor! })
  t.same([...first.tasks, ...next.tasks].map(({ id }) => id), [c!.id, d!.id])
  t.equal(await app.tasks.purge('default'), 2)
  t.match(await app.tasks.counts(), { default: { waiting: 0, cancelled: 1 } })
  await app.tasks.resume({ queue: 'default' })
})

t.test('wrong targets are refused', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  for (const call of ['pause', 'resume'] as const) {
    const refused = async (target: any, code: string, text: RegExp): Promise<void> => {
      t.match(await errorOf(app.tasks[call](target)), { code, message: text })
    }
    await refused(undefined, 'FST_TASKS_PLUGIN_OPTION_INVALID', /an object with a queue or a name/)
    await refused({}, 'FST_TASKS_PLUGIN_OPTION_INVALID', /an object with a queue or a name/)
    await refused({ queue: 'a b' }, 'FST_TASKS_PLUGIN_OPTION_INVALID', /queue/)
    await refused({ name: '' }, 'FST_TASKS_PLUGIN_OPTION_INVALID', /the name of a task/)
    await refused({ queue: 'mail' }, 'FST_TASKS_QUEUE_UNKNOWN', /mail/)
    await refused({ name: 'x', q: 1 }, 'FST_TASKS_OPTION_UNKNOWN', /q/)
  }
  t.match(await errorOf(app.tasks.pause({ name: 'y' })), { code: 'FST_TASKS_NOT_DEFINED' })
  t.equal(await app.tasks.resume({ name: 'y' }), false, 'the definition of a paused task may be gone')
})

if (memoryMode) {
  t.test('drain leaves paused tasks', async t => {
    const app = await build(t, {}, app => { app.tasks.define('x', async () => {}) })
    await app.tasks.pause({ name: 'x' })
    const { id } = await app.tasks.enqueue('x')
    await app.tasks.drain()
    t.match(await app.tasks.status(id), { state: 'waiting', blockedBy: { kind: 'pause' } })
    await app.tasks.resume({ name: 'x' })
    await app.tasks.drain()
    t.match(await app.tasks.status(id), { state: 'succeeded' })
  })
}

inRedis('an idle worker of a paused queue sends nothing but its waits', 'it counts commands', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x', async () => {}) })
  await app.tasks.pause({ queue: 'default' })
  await app.tasks.enqueueMany('x', Array.from({ length: 100 }, () => ({})))
  const commands = await commandsOf(t)
  const waits = async (): Promise<number> =>
    (await commands()).filter(line => /"blmove"/i.test(line) && line.includes(`"${prefix}`)).length
  await app.tasks.startWorker()
  await until('it waits', async () => await waits() > 0)
  t.ok(await claimsMeanwhile(t, prefix) < 10, 'a wait for a task, and another if that has just ended')
  await app.tasks.resume({ queue: 'default' })
  await until('all have run', async () => (await app.tasks.counts()).default!.succeeded === 100)
})

t.test('a task of a paused name comes due while a worker waits: nobody waits for it', async t => {
  const app = await build(t, {}, app => app.tasks.define('x', async () => {}))
  await app.tasks.startWorker()
  await reaches(app, (await app.tasks.enqueue('x')).id, 'succeeded')
  await app.tasks.pause({ name: 'x' })
  const { id } = await app.tasks.enqueue('x', null, { delay: 50 })
  await pass(app, 50)
  await reaches(app, id, 'waiting')
  await app.tasks.resume({ name: 'x' })
  await reaches(app, id, 'succeeded')
})
