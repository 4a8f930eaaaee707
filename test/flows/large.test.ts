/**
 * A flow of 10,000 members: it runs while it is written, and who watches it is not told of each member.
 */
import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { group } from '../../lib/plugin.ts'
import { build, latch, randomPrefix, REDIS_URL, until } from '../support/helpers.ts'
import { listen, stream, type Stream } from '../support/streams.ts'

const MEMBERS = 10_000
/** See lib/tasks/watched-task.ts. */
const PROGRESS_MS = 250

/** The address of a way to Redis on which the last step of an enqueue, the seal, waits until `open` resolves. */
async function holdSeal (t: Test, open: Promise<void>): Promise<string> {
  const { hostname, port } = new URL(REDIS_URL)
  const server = createServer(near => {
    const far = createConnection({ host: hostname, port: Number(port) })
    near.on('data', data => {
      if (!data.includes('\r\nseal\r\n')) return far.write(data)
      near.pause()
      void open.then(() => {
        far.write(data)
        near.resume()
      })
    })
    far.on('data', data => near.write(data))
    near.on('error', () => {}).on('close', () => far.destroy())
    far.on('error', () => {}).on('close', () => near.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('it runs while it is written; a viewer gets few events, and the last state', async t => {
  const prefix = randomPrefix()
  const watched = latch()
  let ran = 0
  let isEnqueued = false
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x', () => {
      ran++
      return watched.promise
    })
  })
  const writer = await build(t, { prefix, redis: await holdSeal(t, watched.promise), redisTimeout: 60_000 }, app => {
    app.tasks.define('x')
  })
  const port = await listen(app)
  await app.tasks.startWorker({ concurrency: 200 })
  const member: any = { kind: 'signature', task: 'x', data: null, options: {} }
  const enqueued = writer.tasks.enqueueFlow(group(...Array.from({ length: MEMBERS }, () => member)), { id: 'large' })
    .then(() => { isEnqueued = true })
  await until('a member has started', () => ran > 0, 30_000)
  t.notOk(isEnqueued)
  const from = performance.now()
  const events = await stream(port, '/tasks/large/events')
  watched.open()
  await enqueued
  await events.ended
  const took = performance.now() - from
  t.equal(ran, MEMBERS)
  t.match(events.events.at(-1), { data: { state: 'succeeded', flow: { done: MEMBERS, total: MEMBERS } } })
  const most = took / PROGRESS_MS + 3
  t.ok(events.events.length <= most, `${events.events.length} events in ${took} ms`)
  t.ok(doneOf(events).length > 2, 'it is seen to move on')
  t.same(doneOf(events), doneOf(events).toSorted((one, other) => one - other))
})

const doneOf = ({ events }: Stream): number[] => [...new Set(events.map(({ data }) => data.flow.done as number))]
