/**
 * No MaxListenersExceededWarning, however many queues, registrations, waits and listeners of a task there are.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { build, connect, randomPrefix, REDIS_URL } from '../support/helpers.ts'

const MANY = 30
const numbers = Array.from({ length: MANY }, (_, i) => i)

/** The warnings of this process from now on. */
function warnings (t: Test): string[] {
  const seen: string[] = []
  const onWarning = ({ name, message }: Error): void => { seen.push(`${name}: ${message}`) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  return seen
}

/** Warnings are emitted in a later turn of the event loop. */
const settled = (): Promise<void> => new Promise(resolve => { setImmediate(() => setImmediate(resolve)) })

t.test('many queues in one worker', async t => {
  const seen = warnings(t)
  const queues = numbers.map(i => `q${i}`)
  const app = await build(t, { redis: REDIS_URL, queues, worker: true }, app => { app.tasks.define('x', () => 1) })
  t.equal(await (await app.tasks.enqueue('x', 1, { queue: `q${MANY - 1}` })).result({ timeout: 60_000 }), 1)
  await app.close()
  await settled()
  t.same(seen, [])
})

t.test('many registrations on one client of the app, which is left as it was', async t => {
  const seen = warnings(t)
  const client = connect(t)
  const count = (): unknown => client.eventNames().map(name => [name, client.listenerCount(name)])
  const before = count()
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  for (const i of numbers) await app.register(tasks, { redis: client, prefix: randomPrefix(), name: `tasks${i}` })
  await app.ready()
  t.equal(client.listenerCount('ready'), 1, 'one listener for all')
  t.equal(client.getMaxListeners(), 10, 'its limit is the app\'s')
  await app.close()
  await settled()
  t.same(count(), before)
  t.same(seen, [])
})

t.test('many listeners on task.signal, here and in a thread', async t => {
  const seen = warnings(t)
  const thread = new URL('../fixtures/threads/listens.js', import.meta.url)
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', (_data, task) => {
      numbers.forEach(() => task.signal.addEventListener('abort', () => {}))
    })
    app.tasks.define('inThread', { thread })
  })
  await (await app.tasks.enqueue('x')).result({ timeout: 60_000 })
  t.same(await (await app.tasks.enqueue('inThread', MANY)).result({ timeout: 60_000 }), [], 'in a thread')
  await settled()
  t.same(seen, [])
})
