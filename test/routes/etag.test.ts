/**
 * If-None-Match as proxies send it: weak tags, lists, `*`, and tags with a coding added.
 */
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { eventIdOf, etagOf, isInIfNoneMatch } from '../../lib/routes/etag.ts'
import { build, latch, reaches } from '../support/helpers.ts'
import { listen } from '../support/streams.ts'
import type { TaskRecord } from '../../lib/types.ts'

const record = { id: 'x' } as TaskRecord
const [tag, bare] = [etagOf(record), eventIdOf(record)]

const known = [
  tag, `W/${tag}`, `"a", ${tag}`, `"a,b",W/${tag},"c"`, `  ${tag}  `, '*', `"${bare}-gzip"`, `W/"${bare}-br"`,
  `"${bare}--gzip"`, bare
]
const unknown = [
  '', '"a"', 'W/"a"', '"*"', `"${bare}x"`, `"x${bare}"`, `"${bare.slice(1)}"`, `"${bare}-"`, ',', '"', 'W/'
]

t.test('which tags are those of a record', async t => {
  for (const header of known) t.equal(isInIfNoneMatch(header, etagOf(record)), true, header)
  for (const header of unknown) t.equal(isInIfNoneMatch(header, etagOf(record)), false, header)
})

t.test('it changes with each value of a record, and with the place that a value has', async t => {
  const base = { id: 'x', stage: null, progress: null, attempt: 1, tags: [] as string[], error: null }
  const changes: object[] = [
    {}, { stage: '' }, { stage: '-' }, { progress: '-' }, { stage: '0:', attempt: 0 }, { stage: '--1' },
    { progress: 1 }, { progress: '1' }, { progress: [] }, { progress: '[]' }, { progress: {} }, { attempt: 11 },
    { tags: ['a'] },
    { tags: ['a', 'b'] }, { tags: ['a,b'] }, { error: { stack: 'at' } }, { data: null }, { data: 1 }, { progress: true }
  ]
  const records = changes.map((change): any => ({ ...base, ...change }))
  t.equal(new Set(records.map(etagOf)).size, records.length)
  t.equal(etagOf(structuredClone(records[0])), etagOf(records[0]))
  const shifted = [[null, 1, -1], [-1, null, 1]].map(([stage, progress, result]): any => ({ stage, progress, result }))
  t.not(etagOf(shifted[0]), etagOf(shifted[1]), 'a sign is not the mark of null')
})

t.test('304 for each of them', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const { location } = await app.tasks.enqueue('x')
  const etag = (await app.inject(location!)).headers.etag as string
  for (const header of [etag, `W/${etag}`, `"a", W/${etag}`, '*', etag.replace(/"$/, '-gzip"')]) {
    for (const method of ['GET', 'HEAD'] as const) {
      const reply = await app.inject({ method, url: location!, headers: { 'if-none-match': header } })
      t.match(reply, { statusCode: 304, payload: '', headers: { etag, 'retry-after': '1' } }, `${method} ${header}`)
    }
  }
  const other = await app.inject({ url: location!, headers: { 'if-none-match': 'W/"older", "oldest"' } })
  t.match(other, { statusCode: 200 })
  for (const header of ['*', (await app.inject('/tasks/nobody')).headers.etag ?? '""']) {
    const missing = await app.inject({ url: '/tasks/nobody', headers: { 'if-none-match': String(header) } })
    t.match(missing, { statusCode: 404 }, 'a condition is for answers that would be 200')
  }
})

for (const change of [(etag: string) => `W/${etag}`, (etag: string) => etag.replace(/"$/, '-gzip"')]) {
  t.test(`a long poll behind a proxy that sends ${change('"…"')} waits for a change`, async t => {
    const [go, hasRead] = [latch(), latch()]
    const authorize = ({ headers }: FastifyRequest): boolean => {
      if (headers.prefer) hasRead.open()
      return true
    }
    const app = await build(t, { worker: { closeTimeout: 100 } }, app => {
      app.tasks.define('x', { authorize }, async () => await go.promise)
    })
    t.teardown(() => go.open())
    const port = await listen(app)
    const { id } = await app.tasks.enqueue('x')
    await reaches(app, id, 'active')
    const url = `http://127.0.0.1:${port}/tasks/${id}`
    const etag = (await fetch(url)).headers.get('etag')!
    const poll = fetch(url, { headers: { prefer: 'wait=20', 'if-none-match': change(etag) } })
    await hasRead.promise
    go.open()
    const reply = await poll
    t.equal(reply.status, 200)
    t.match(await reply.json(), { state: 'succeeded' }, 'not the record that the client has')
  })
}
