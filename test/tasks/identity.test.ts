/**
 * A task is named by its queue and its id. An id of one's own may be used in several queues, and again when its task is
 * gone: a location, a handle and a call mean one task, and never another.
 */
import t, { type Test } from 'tap'
import { commandsWith } from '../support/command.ts'
import { build, connect, errorOf, memoryMode, randomPrefix, reaches, until } from '../support/helpers.ts'
import { listen, stream } from '../support/streams.ts'
import type { FastifyInstance } from 'fastify'
import type { TasksOptions } from '../../lib/types.ts'

const IDS = ['invoice:7', '0dd8fe5e-9b6c-4a5e-8f35-0f4c7e1b2a3d']

/** A task that everybody may see, and one that nobody may see, each in its own queue. */
async function twoQueues (t: Test, options: TasksOptions = {}): Promise<FastifyInstance> {
  return build(t, { queues: ['a', 'b'], routes: { cancel: true }, ...options }, app => {
    app.tasks.define('open', () => 'result of open')
    app.tasks.define('closed', { authorize: () => false }, () => 'result of closed')
  })
}

t.test('the same id in two queues: each location means its own task', async t => {
  for (const id of IDS) {
    const app = await twoQueues(t)
    const [first, second] = await Promise.all(['a', 'b'].map(queue => app.tasks.enqueue('open', queue, { id, queue })))
    t.match([first!.created, second!.created], [true, true])
    for (const handle of [first!, second!]) {
      t.match((await app.inject(handle.location!)).json(), { id, queue: handle.queue }, handle.location!)
    }
    t.equal((await app.inject({ method: 'DELETE', url: second!.location! })).statusCode, 200)
    t.match(await first!.status(), { queue: 'a', state: 'waiting' })
    t.match(await second!.status(), { queue: 'b', state: 'cancelled' })
  }
})

t.test('the id alone is an error that names the queues, in every call', async t => {
  const app = await twoQueues(t)
  const [id] = IDS as [string]
  for (const queue of ['a', 'b']) await app.tasks.enqueue('open', 1, { id, queue })
  const ambiguous = { code: 'FST_TASKS_ID_AMBIGUOUS', statusCode: 409, message: /a, b.*\{ queue: "a" \}/ }
  const { tasks } = app
  for (const call of ['status', 'handle', 'cancel', 'retry', 'remove'] as const) {
    t.match(await errorOf((tasks[call] as any)(id)), ambiguous, call)
    t.match(await errorOf(tasks[call](id, { queue: 'nowhere' })), { code: 'FST_TASKS_QUEUE_UNKNOWN' }, call)
    t.match(await errorOf(tasks[call](id, { queu: 'a' } as any)), { code: 'FST_TASKS_OPTION_UNKNOWN' }, call)
    t.match(await errorOf(tasks[call](id, 'a' as any)), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID' }, call)
  }
  t.match(await tasks.status(id, { queue: 'b' }), { queue: 'b' })
  t.equal((await tasks.handle(id, { queue: 'a' }))!.queue, 'a')
  t.equal(await tasks.retry(id, { queue: 'a' }), 'refused')
  t.equal(await tasks.cancel(id, { queue: 'a' }), 'cancelled')
  t.equal(await tasks.remove(id, { queue: 'a' }), 'removed')
  t.match(await tasks.status(id), { queue: 'b', state: 'waiting' }, 'now the id is enough')
})

t.test('over HTTP the id alone is 409, and tells nothing of a task that the caller may not see', async t => {
  const app = await twoQueues(t)
  const get = async (url: string): Promise<unknown> => {
    const { statusCode, body } = await app.inject(url)
    return [statusCode, body]
  }
  const [id] = IDS as [string]
  await app.tasks.enqueue('open', 1, { id, queue: 'a' })
  const alone = await get(`/tasks/${id}`)
  await app.tasks.enqueue('closed', 1, { id, queue: 'b' })
  t.same(await get(`/tasks/${id}`), alone, 'the other task is hidden')
  t.same(await get(`/tasks/${id}?queue=a`), alone)
  const unknown = await app.inject(`/tasks/${id}x?queue=b`)
  for (const query of ['queue=b', 'queue=nowhere', 'queue=', 'queue=a&queue=a', 'queue=__proto__']) {
    const { statusCode, body } = await app.inject(`/tasks/${id}?${query}`)
    t.equal(statusCode, 404, query)
    t.equal(body, unknown.body.replace(`${id}x`, id), query)
  }
  await app.tasks.enqueue('open', 1, { id, queue: 'default' })
  for (const url of [`/tasks/${id}`, `/tasks/${id}/events`]) {
    const headers = url.endsWith('events') ? { accept: 'text/event-stream' } : {}
    const { statusCode, body } = await app.inject({ url, headers })
    t.match([statusCode, JSON.parse(body)], [409, { code: 'FST_TASKS_ID_AMBIGUOUS' }], url)
    t.notMatch(body, /\bb\b/, 'the queue of the hidden task is not named')
  }
  t.equal((await app.inject({ method: 'DELETE', url: `/tasks/${id}` })).statusCode, 409)
  t.match(await app.tasks.status(id, { queue: 'a' }), { state: 'waiting' }, 'nothing was cancelled')
})

t.test('each location has its own stream and its own long poll', async t => {
  const app = await twoQueues(t)
  const [id] = IDS as [string]
  for (const queue of ['a', 'b']) await app.tasks.enqueue('open', 1, { id, queue })
  const port = await listen(app)
  const events = await stream(port, `/tasks/${id}/events?queue=b`)
  const poll = fetch(`http://127.0.0.1:${port}/tasks/${id}?queue=b`, { headers: { prefer: 'wait=30' } })
  await until('the first event comes', () => events.events.length > 0)
  t.equal(await app.tasks.cancel(id, { queue: 'b' }), 'cancelled')
  await events.ended
  t.match(events.events.map(({ data }) => [data.queue, data.state]), [['b', 'waiting'], ['b', 'cancelled']])
  t.match(await (await poll).json(), { queue: 'b', state: 'cancelled' })
  t.match(await app.tasks.status(id, { queue: 'a' }), { state: 'waiting' })
})

t.test('a handle never means a later task with its id', async t => {
  const app = await twoQueues(t)
  const [id] = IDS as [string]
  const first = await app.tasks.enqueue('open', 1, { id })
  const elsewhere = (await app.tasks.handle(id))!
  const result = errorOf(first.result({ timeout: 60_000 }))
  t.equal(await app.tasks.remove(id), 'removed')
  const second = await app.tasks.enqueue('open', 2, { id })
  t.equal(second.created, true)
  for (const earlier of [first, elsewhere]) {
    t.equal(await earlier.status(), null)
    t.equal(await earlier.cancel(), 'unknown')
    t.match(await errorOf(earlier.result()), { code: 'FST_TASKS_NOT_FOUND' })
  }
  await app.tasks.startWorker()
  t.match(await result, { code: 'FST_TASKS_NOT_FOUND' }, 'a wait from before')
  t.equal(await second.result({ timeout: 60_000 }), 'result of open')
})

t.test('ids that other producers choose: every call finds their tasks', async t => {
  if (memoryMode) return t.comment('nobody else writes to the memory of this process')
  const prefix = randomPrefix()
  const app = await twoQueues(t, { prefix })
  const redis = connect(t)
  const ids = [
    'user/42', 'é', ' ', 'a?b#c', '../..', '%2F', '😀', '__proto__', 'x'.repeat(300), 'line\nbreak', '"quoted"'
  ]
  const record = JSON.stringify({ data: { name: 'open' }, options: { timestamp: 1 }, status: 'created' })
  for (const id of ids) {
    await redis.hset(`${prefix}:{a}:jobs`, id, record)
    await redis.lpush(`${prefix}:{a}:waiting`, id)
  }
  for (const id of ids) {
    const shown = JSON.stringify(id.slice(0, 20))
    t.match(await app.tasks.status(id), { id, queue: 'a', state: 'waiting' }, shown)
    const handle = (await app.tasks.handle(id))!
    // Fastify itself answers 404 for a parameter of more than 100 characters, unless it is told otherwise.
    if (id.length < 100) t.match((await app.inject(handle.location!)).json(), { id }, `${shown} at ${handle.location}`)
  }
  t.equal(await app.tasks.cancel(ids[0]!), 'cancelled')
  t.equal(await app.tasks.remove(ids[1]!), 'removed')
  await app.tasks.startWorker({ queues: ['a'] })
  await reaches(app, ids[2]!, 'succeeded')
  for (const id of ['', 'x'.repeat(2_000)]) t.equal(await app.tasks.status(id), null)
})

t.test('commands take --queue', async t => {
  if (memoryMode) return t.comment('commands need Redis')
  const prefix = randomPrefix()
  const app = await twoQueues(t, { prefix })
  const [id] = IDS as [string]
  for (const queue of ['a', 'b']) await app.tasks.enqueue('open', 1, { id, queue })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  t.match(await command('status', id), { code: 1, err: /a, b.*FST_TASKS_ID_AMBIGUOUS/ })
  t.match(await command('status', id, '--queue', 'b', '--json'), { code: 0, out: /"queue":"b"/ })
  t.match(await command('cancel', id, '--queue', 'b'), { code: 0 })
  t.match(await command('retry', id, '--queue', 'b'), { code: 3, err: /is cancelled/ })
  t.match(await app.tasks.status(id, { queue: 'a' }), { state: 'waiting' })
})
