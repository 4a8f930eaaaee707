/**
 * Reads of one turn of the event loop share a call, and each has its own answer.
 */
import t from 'tap'
import { TaskReads } from '../../lib/tasks/task-reads.ts'
import { script } from '../../lib/store/redis/run-script.ts'
import { build, connect, errorOf, randomPrefix } from '../support/helpers.ts'
import { commandsOf } from '../support/monitor.ts'

/** A queue that answers with at most so many tasks, and the ids of each of its calls. */
function fakeQueue (most: number): { queue: any, calls: string[][] } {
  const calls: string[][] = []
  const readTasks = async (ids: string[]): Promise<unknown> => {
    calls.push(ids)
    return ids.slice(0, most).map(id => id.startsWith('none') ? null : { text: id })
  }
  return { queue: { readTasks }, calls }
}

const direct: any = { call: (_what: string, _doubt: string, send: () => Promise<unknown>) => send() }

t.test('statuses of one turn are one call of Redis for each queue', async t => {
  const app = await build(t, { queues: ['other'] }, app => {
    app.tasks.define('x')
    app.tasks.define('y', { queue: 'other' })
  })
  const handles = await Promise.all(Array.from({ length: 40 }, (_, i) => app.tasks.enqueue(i % 2 ? 'x' : 'y', i)))
  const commands = await commandsOf(t)
  const records = await Promise.all(handles.map(async ({ id, queue }) => app.tasks.status(id, { queue })))
  t.same(records.map(record => record!.id), handles.map(({ id }) => id))
  t.equal(await app.tasks.status('none'), null)
  const reads = (await commands()).filter(line => line.includes(script('read-tasks').sha))
  t.equal(reads.filter(line => line.includes(handles[0]!.id) || line.includes(handles[1]!.id)).length, 2)
})

t.test('100 of a call at most; what a call did not read is read by the next one', async t => {
  const { queue, calls } = fakeQueue(60)
  const reads = new TaskReads(direct)
  const ids = Array.from({ length: 130 }, (_, i) => i % 7 ? `id${i}` : `none${i}`)
  const tasks: any[] = await Promise.all(ids.map(id => reads.read(queue, id)))
  t.same(tasks.map(task => task?.text ?? null), ids.map(id => id.startsWith('none') ? null : id))
  t.same(calls.map(({ length }) => length), [100, 30, 40])
  t.match(await reads.read(queue, 'later'), { text: 'later' })
  t.same(calls.at(-1), ['later'])
})

t.test('an error rejects each read of its call, with what it was about, and later ones work', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const handles = await app.tasks.enqueueMany('x', [1, 2].map(data => ({ data })))
  const redis = connect(t)
  const claims = `${prefix}:{default}:claims`
  await redis.set(claims, 'no hash')
  const errors = await Promise.all(handles.map(({ id }) => errorOf(app.tasks.status(id))))
  for (const error of errors) t.match(error, { code: 'FST_TASKS_REDIS_UNAVAILABLE' })
  t.match((errors[0] as any).cause.message, /a status of task ".+" and 1 more/)
  await redis.del(claims)
  t.match(await app.tasks.status(handles[0]!.id), { state: 'waiting' })
})
