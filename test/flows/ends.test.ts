/**
 * Every end of a member settles what waits for it, and ends the flow.
 */
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { chain, chord, flow, group, Unrecoverable } from '../../lib/plugin.ts'
import { build, errorOf, latch, memoryMode, pass, randomPrefix, until, type Latch } from '../support/helpers.ts'
import type { FlowOptions, FlowShape, TaskHandle, TaskRecord } from '../../lib/types.ts'

const LONG = { timeout: 60_000 }

interface Fixture {
  app: FastifyInstance
  ran: string[]
  gate: Latch
  started: Latch
  signature: (name: string, data?: unknown, options?: object) => any
  enqueue: (shape: FlowShape<any, any>, options?: FlowOptions) => Promise<TaskHandle<any, any>>
  /** The member's record, by its name in the flow. */
  member: (flow: TaskHandle<any, any>, node: string) => Promise<TaskRecord<any, any> | null>
}

async function fixture (t: Test, worker = true): Promise<Fixture> {
  const prefix = randomPrefix()
  const ran: string[] = []
  const [gate, started] = [latch(), latch()]
  let fails = true
  const app = await build(t, memoryMode ? {} : { prefix, stallInterval: 1_000 }, app => {
    app.tasks.define('ok', async (data: any) => {
      ran.push(`ok ${data}`)
      return data
    })
    app.tasks.define('one', { limit: { max: 1 } }, async () => {})
    app.tasks.define('add', async (data: any, task: any) => {
      await task.flow.add('more', { kind: 'signature', task: 'ok', data: `${data} added`, options: {} })
      return data
    })
    app.tasks.define('no', () => { throw new Unrecoverable('no luck') })
    app.tasks.define('once', async (data: any) => {
      ran.push(`once ${data}`)
      if (fails) throw new Error('not yet')
      return data
    })
    app.tasks.define('read', async (data: any, task: any) => {
      ran.push(`read ${data}`)
      return { previous: await task.previous(), results: await task.results() }
    })
    app.tasks.define('slow', async (_data: any, task: any) => {
      started.open()
      task.signal.addEventListener('abort', () => ran.push('aborted'))
      await Promise.race([gate.promise, new Promise((_resolve, reject) =>
        task.signal.addEventListener('abort', () => reject(task.signal.reason)))])
    })
    app.tasks.define('mend', async () => { fails = false })
    app.tasks.define('elsewhere', { queue: 'idle' }, async () => {})
  })
  if (worker) await app.tasks.startWorker({ queues: ['default'] })
  const signature = (name: string, data?: unknown, options?: object): any =>
    ({ kind: 'signature', task: name, data, options: options ?? {} })
  return {
    app,
    ran,
    gate,
    started,
    signature,
    enqueue: (shape, options) => app.tasks.enqueueFlow(shape, options),
    member: (flow, node) => app.tasks.status(`${flow.id}.${node}`)
  }
}

t.test('a member fails: what has not ended is cancelled, and the flow fails naming it', async t => {
  const { enqueue, signature, started, ran, member } = await fixture(t)
  const handle = await enqueue(chain(
    group(signature('slow'), chain(signature('ok', 1), signature('no'))), signature('ok', 'behind')
  ))
  await started.promise
  const error = await errorOf(handle.result(LONG))
  t.match(error, { code: 'FST_TASKS_FAILED', message: /Member "0\.1\.1" \(no\) of the flow failed: no luck/ })
  t.match(error.cause, { code: 'FST_TASKS_FLOW_FAILED' })
  t.ok(ran.includes('aborted'), 'the running member was aborted')
  t.notOk(ran.includes('ok behind'))
  t.match(await handle.status(), { state: 'failed', flow: { done: 4, total: 4, key: null } })
  t.match(await member(handle, '0'), { state: 'cancelled', flow: { id: handle.id, key: '0.0' } })
})

t.test('failFast: false: only what waits for the member never starts', async t => {
  const { enqueue, signature, ran } = await fixture(t)
  const handle = await enqueue(flow<any>({
    tasks: {
      a: signature('no'), ...Object.fromEntries([...'bcde'].map(name => [name, signature('ok', name)]))
    },
    dependsOn: { b: ['a'], e: ['b'], d: ['c'] }
  }), { failFast: false })
  t.match(await errorOf(handle.result(LONG)), { message: /Member "a" \(no\)/ })
  t.same(ran, ['ok c', 'ok d'])
  t.match(await handle.status(), { state: 'failed', flow: { done: 5, total: 5 } })
})

t.test('allowFailure: what waits runs, and reads a settled result or error', async t => {
  const { enqueue, signature } = await fixture(t)
  const may = { allowFailure: true }
  const members = [signature('no', null, may), signature('ok', 1, may), signature('ok', 2)]
  const handle = await enqueue(chord(members, signature('read')))
  t.match((await handle.result(LONG)).results, [
    { status: 'rejected', reason: { message: 'no luck', code: 'FST_TASKS_UNRECOVERABLE' } },
    { status: 'fulfilled', value: 1 },
    2
  ])
  t.match(await handle.status(), { state: 'succeeded' })
})

t.test('finally runs once, behind all others, also over a retry of the flow', async t => {
  const { app, enqueue, signature, ran } = await fixture(t)
  const handle = await enqueue(chain(signature('ok', 1), signature('once', 2), signature('ok', 3)),
    { finally: signature('mend') })
  t.match(await errorOf(handle.result(LONG)), { code: 'FST_TASKS_FAILED', message: /Member "1" \(once\)/ })
  t.match(await handle.status(), { flow: { done: 4, total: 4 } })
  t.equal(await app.tasks.retry(handle.id), 'queued')
  t.equal(await handle.result(LONG), 3)
  t.same(ran, ['ok 1', 'once 2', 'once 2', 'ok 3'], 'what succeeded did not run again')
  t.match(await handle.status(), { state: 'succeeded', attempt: 2 })
  t.equal(await app.tasks.retry(handle.id), 'refused')
  const good = await enqueue(signature('ok', 'x'), { finally: signature('no') })
  t.equal(await good.result(LONG), 'x', 'the outcome of finally does not count')
})

t.test('a member that runs again in a retried flow adds one: what waits for it waits for both', async t => {
  const { app, enqueue, ran, gate } = await fixture(t, false)
  let runs = 0
  app.tasks.define('splits', async (_data: unknown, task: any) => {
    if (runs++ === 0) throw new Unrecoverable('not yet')
    await task.flow.add('more', { kind: 'signature', task: 'ok', data: 'added', options: {} })
    await gate.promise
    ran.push('splits')
  })
  const worker = await app.tasks.startWorker({ queues: ['default'], concurrency: 2 })
  const signature = (task: string): any => ({ kind: 'signature', task, data: 'behind', options: {} })
  const handle = await enqueue(chain(signature('splits'), signature('ok')))
  await errorOf(handle.result(LONG))
  await app.tasks.retry(handle.id)
  await until('the added one is told', async () => (await handle.status())!.flow!.done === 1)
  gate.open()
  await handle.result(LONG)
  t.same(ran, ['ok added', 'splits', 'ok behind'])
  await worker.close()
})

t.test('a wide flow that has failed before all of it was written is whole in a retry', async t => {
  const { app, enqueue, signature, ran } = await fixture(t)
  const many = Array.from({ length: 2_500 }, (_, i) => signature('ok', i))
  const handle = await enqueue(group(signature('once'), ...many))
  t.match(await errorOf(handle.result(LONG)), { message: /Member "0" \(once\)/ })
  await (await app.tasks.enqueue('mend')).result(LONG)
  await app.tasks.retry(handle.id)
  await handle.result(LONG)
  t.equal(new Set(ran.filter(line => line.startsWith('ok'))).size, 2_500)
})

t.test('a retry that fails again, and again', async t => {
  const { app, enqueue, signature, ran } = await fixture(t)
  const members = [signature('once', 1), signature('ok', 2), signature('once', 3)]
  const handle = await enqueue(chord(members, signature('ok', 4)))
  for (let i = 0; i < 3; i++) {
    await errorOf(handle.result(LONG))
    t.equal(await app.tasks.retry(handle.id), 'queued')
  }
  await errorOf(handle.result(LONG))
  await (await app.tasks.enqueue('mend')).result(LONG)
  await app.tasks.retry(handle.id)
  t.equal(await handle.result(LONG), 4)
  t.ok(ran.filter(line => line === 'ok 2').length <= 4)
  t.equal(ran.filter(line => line === 'ok 4').length, 1)
})

t.test('cancel of the flow: running, waiting and later members', async t => {
  const { app, enqueue, signature, started, ran, member } = await fixture(t)
  const handle = await enqueue(chain(group(signature('slow'), signature('elsewhere')), signature('ok', 'behind')))
  await started.promise
  t.ok(['requested', 'cancelled'].includes(await handle.cancel()))
  t.match(await errorOf(handle.result(LONG)), { code: 'FST_TASKS_CANCELLED' })
  t.ok(ran.includes('aborted'))
  t.match(await member(handle, '1'), { state: 'cancelled' })
  t.equal(await handle.cancel(), 'finished')
  t.equal(await app.tasks.retry(handle.id), 'refused')
})

for (const [what, end] of Object.entries({
  cancelled: (app: FastifyInstance, id: string) => app.tasks.cancel(id),
  removed: (app: FastifyInstance, id: string) => app.tasks.remove(id),
  purged: (app: FastifyInstance) => app.tasks.purge('idle')
})) {
  t.test(`one member is ${what} by hand: the flow fails naming it`, async t => {
    const { app, enqueue, signature } = await fixture(t)
    const handle = await enqueue(chain(group(signature('elsewhere'), signature('ok', 1)), signature('ok', 2)))
    await end(app, `${handle.id}.0`)
    t.match(await errorOf(handle.result(LONG)), { code: 'FST_TASKS_FAILED', message: /Member "0\.0"/ })
    t.equal(await app.tasks.retry(handle.id), 'queued', 'a retry of the flow starts it again')
    t.match(await app.tasks.status(`${handle.id}.0-1`), { state: 'waiting' })
  })
}

t.test('retry of one member by hand is refused: its flow is retried', async t => {
  const { app, enqueue, signature } = await fixture(t)
  const handle = await enqueue(signature('no'))
  await errorOf(handle.result(LONG))
  t.equal(await app.tasks.retry(`${handle.id}.0`), 'refused')
})

t.test('expires: members that have not started by then never start, and the flow has expired', async t => {
  const { app, enqueue, signature } = await fixture(t, false)
  const handle = await enqueue(chain(signature('ok', 1), signature('ok', 2)), { expires: 60 })
  await pass(app, 100, { wait: false })
  await until('it is late', () => memoryMode || Date.now() > Date.parse(handle.snapshot!.enqueuedAt) + 80)
  await app.tasks.startWorker({ queues: ['default'] })
  t.match(await errorOf(handle.result(LONG)), { code: 'FST_TASKS_EXPIRED' })
})

t.test('delay of the whole', async t => {
  const { app, enqueue, signature } = await fixture(t)
  const handle = await enqueue(chain(signature('ok', 1), signature('ok', 2)), { delay: 300 })
  t.match(handle.snapshot, { state: 'delayed' })
  t.match(await handle.status(), { state: 'delayed', startedAt: null, dueAt: String })
  await pass(app, 300)
  t.equal(await handle.result(LONG), 2)
})

t.test('members stay until the flow has ended, and then for their own resultTtl: 0 included', async t => {
  const { app, enqueue, gate, started } = await fixture(t, false)
  const ttl0 = app.tasks.define('gone', { resultTtl: 0 }, async () => 'kept for long')
  await app.tasks.startWorker({ queues: ['default'] })
  const signature = (task: string): any => ({ kind: 'signature', task, options: {} })
  const handle = await enqueue(chain(ttl0.signature(), signature('slow'), signature('read')))
  await started.promise
  t.match(await app.tasks.status(`${handle.id}.0`), { state: 'succeeded', result: 'kept for long' })
  gate.open()
  t.match(await handle.result(LONG), { previous: null })
  await until('its record is removed', async () => await app.tasks.status(`${handle.id}.0`) === null)
  t.ok(await app.tasks.status(`${handle.id}.1`))
})

t.test('a flow whose resultTtl is 0 leaves nothing', async t => {
  const { app, enqueue, signature } = await fixture(t)
  const handle = await enqueue(signature('ok', 1), { resultTtl: 0 })
  await until('it is gone', async () => await app.tasks.status(handle.id) === null)
})

t.test('an ended flow can be removed, one that runs cannot', async t => {
  const { app, enqueue, signature, gate, started } = await fixture(t)
  const handle = await enqueue(signature('slow'))
  await started.promise
  t.equal(await app.tasks.remove(handle.id), 'active')
  gate.open()
  await handle.result(LONG)
  await until('it is removed', async () => await app.tasks.remove(handle.id) === 'removed')
  t.equal(await app.tasks.status(handle.id), null)
})

t.test('cancel of a flow whose members have a limit: none of them waits, or holds up others', async t => {
  const { app, enqueue, signature } = await fixture(t, false)
  const handle = await enqueue(group(signature('one', 1), signature('one', 2), signature('one', 3)))
  t.equal(await app.tasks.cancel(handle.id), 'cancelled')
  t.match((await app.tasks.counts()).default, { waiting: 0, cancelled: 3 })
  const next = await app.tasks.enqueue('one', 4)
  t.match(await next.status(), { state: 'waiting', blockedBy: null })
  t.equal(await app.tasks.purge('default'), 1, 'the records of what was cancelled stay')
  t.match((await app.tasks.counts()).default, { waiting: 0, cancelled: 3 })
})

t.test('the id of a flow that was removed, or whose record has expired, is used again: its members run', async t => {
  const { app, enqueue, ran } = await fixture(t)
  const options = { id: 'again', resultTtl: 1_000 }
  const shape = (n: number): FlowShape<any, any> => chain(
    { kind: 'signature', task: 'add', data: n, options: {} } as any,
    { kind: 'signature', task: 'read', data: n, options: {} } as any)
  const all = { ...options, finally: { kind: 'signature', task: 'ok', data: 'last', options: {} } as any }
  t.match(await (await enqueue(shape(1), all)).result(LONG), { previous: 1 })
  t.equal(await app.tasks.remove('again'), 'removed')
  t.match(await (await enqueue(shape(2), all)).result(LONG), { previous: 2 })
  await pass(app, 1_000)
  await until('its record has expired', async () => await app.tasks.status('again') === null)
  t.match(await (await enqueue(shape(3), all)).result(LONG), { previous: 3 })
  t.strictSame(ran, [1, 2, 3].flatMap(n => [`ok ${n} added`, `read ${n}`, 'ok last']))
})
