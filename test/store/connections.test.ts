/**
 * How many connections a process has, as docs/internals/scaling.md says. For a cluster: cluster.test.ts.
 */
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, latch, reaches, until } from '../support/helpers.ts'

/** A server for this test only, and the names of its connections, without the one that asks. */
async function countingServer (t: Test): Promise<{ url: string, names: () => Promise<string[]> }> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const admin = connect(t, redis.url)
  const own = await admin.client('ID')
  const names = async (): Promise<string[]> => {
    const lines = String(await admin.client('LIST')).trim().split('\n')
    return lines.filter(line => !line.startsWith(`id=${own} `)).map(line => / name=(\S*) /.exec(line)![1]!).toSorted()
  }
  return { url: redis.url, names }
}

t.test('a web process has one connection, and another one while callers wait, however many', async t => {
  const { url, names } = await countingServer(t)
  const app = await build(t, { redis: url }, app => { app.tasks.define('x') })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 100 }, () => ({})))
  await Promise.all(handles.map(handle => handle.status()))
  t.same(await names(), [''])
  const gone = new AbortController()
  const waits = handles.map(handle => handle.result({ signal: gone.signal }).catch(() => {}))
  // A connection gets its name after it was opened.
  await until('the subscriber connects', async () => (await names()).includes('fastify-tasks:subscriber'))
  t.same(await names(), ['', 'fastify-tasks:subscriber'])
  gone.abort()
  await Promise.all(waits)
  await until('the subscriber is closed', async () => (await names()).length === 1)
})

t.test('a worker has three connections and one for each queue, and closes them all', async t => {
  const { url, names } = await countingServer(t)
  const finish = latch()
  const queues = ['default', 'a', 'b', 'c']
  const options = { redis: url, queues: queues.slice(1), worker: { concurrency: 50 } }
  const app = await build(t, options, app => { app.tasks.define('x', () => finish.promise) })
  const items = Array.from({ length: 200 }, (_, i) => ({ queue: queues[i % 4]! }))
  const handles = await app.tasks.enqueueMany('x', items)
  for (const { id } of handles) await reaches(app, id, 'active')
  await until('all have their names', async () => (await names()).filter(name => name === '').length === 1)
  const waits = queues.map(queue => `fastify-tasks:wait:${queue}`)
  t.same(await names(), ['', 'fastify-tasks:subscriber', ...waits, 'fastify-tasks:worker'].toSorted())
  finish.open()
  await Promise.all(handles.map(handle => handle.result({ timeout: 60_000 })))
  t.equal((await names()).length, 3 + queues.length, 'callers that wait in this process share its subscriber')
  await app.close()
  await until('all are closed', async () => (await names()).length === 0)
})
