/** How many connections a process has: what docs/internals/scaling.md says. For a cluster: cluster.test.ts. */
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, latch, reaches, until } from '../support/helpers.ts'

/** On a server of the test's own: how many connections it has, without the one that asks. */
async function counting (t: Test): Promise<{ url: string, names: () => Promise<string[]> }> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const admin = connect(t, redis.url)
  const own = await admin.client('ID')
  const lines = async (): Promise<string[]> => String(await admin.client('LIST')).trim().split('\n').filter(line => !line.startsWith(`id=${own} `))
  return { url: redis.url, names: async () => (await lines()).map(line => / name=(\S*) /.exec(line)![1]!).toSorted() }
}

t.test('a web process has one, and one more while someone waits, however many do', async t => {
  const { url, names } = await counting(t)
  const app = await build(t, { redis: url }, app => { app.tasks.define('x') })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 100 }, () => ({})))
  await Promise.all(handles.map(handle => handle.status()))
  t.same(await names(), [''])
  const gone = new AbortController()
  const waits = handles.map(handle => handle.result({ signal: gone.signal }).catch(() => {}))
  await until('it listens', async () => (await names()).includes('fastify-tasks:subscriber')) // it says its name once it is there
  t.same(await names(), ['', 'fastify-tasks:subscriber'])
  gone.abort()
  await Promise.all(waits)
  await until('nobody listens', async () => (await names()).length === 1)
})

t.test('a worker has three, and one for each queue; none is left at close', async t => {
  const { url, names } = await counting(t)
  const go = latch()
  const queues = ['default', 'a', 'b', 'c']
  const app = await build(t, { redis: url, queues: queues.slice(1), worker: { concurrency: 50 } }, app => { app.tasks.define('x', () => go.promise) })
  const handles = await app.tasks.enqueueMany('x', Array.from({ length: 200 }, (_, i) => ({ queue: queues[i % 4]! })))
  for (const { id } of handles) await reaches(app, id, 'active')
  await until('all have their names', async () => (await names()).filter(name => name === '').length === 1)
  t.same(await names(), ['', 'fastify-tasks:subscriber', ...queues.map(queue => `fastify-tasks:wait:${queue}`), 'fastify-tasks:worker'].toSorted())
  go.open()
  await Promise.all(handles.map(handle => handle.result({ timeout: 20_000 })))
  t.equal((await names()).length, 3 + queues.length, 'who waits in a worker\'s process shares what it has')
  await app.close()
  await until('none is left', async () => (await names()).length === 0)
})
