/**
 * The pictures of the page: the graph of a flow, and the last hour.
 */
import t from 'tap'
import { chain, chord, group } from '../../lib/plugin.ts'
import { latch, reaches, until } from '../support/helpers.ts'
import { appWithPage, get } from './support.ts'

/** Numbers of a picture: none is missing. */
const count = (body: string, what: RegExp): number => [...body.matchAll(what)].length

t.test('a flow is drawn: its members, how far they are, and what waits for what', async t => {
  const go = latch()
  const app = await appWithPage(t, {
    tasks: { worker: true },
    define (app) {
      app.tasks.define('fetch', () => 1)
      app.tasks.define('resize', async data => { if (data === 'wait') await go.promise })
      app.tasks.define('bad', () => { throw new Error('no') })
    }
  })
  t.teardown(go.open)
  const member = (task: string, data: unknown = null): any => ({ kind: 'signature', task, data, options: {} })
  const page = async (id: string): Promise<string> => (await get(app, `tasks/${id}`)).body
  const mixed = await app.tasks.enqueueFlow(
    chain(member('fetch'), group(member('resize', 'wait'), chain(member('resize'), member('fetch'))), member('fetch')))
  const body = await until('two have ended', async () => {
    const shown = await page(mixed.id)
    return shown.includes('3 succeeded') ? shown : null
  })
  t.match(body, '5 members in 4 steps: 1 active, 1 waiting, 3 succeeded')
  t.equal(count(body, /<g class="box /g), 5)
  t.equal(count(body, /<g class="box active"/g), 1)
  t.match(body, /<svg role="group" aria-labelledby="flow-title"[^]*<h2>Members<\/h2>/, 'the table is below')
  t.notMatch(body, / (x|y|width|height)="(NaN|undefined|-)/)
  t.match(body, `<a href="../tasks/${mixed.id}.0?queue=default" tabindex="-1">`)

  const wide = await app.tasks.enqueueFlow(
    chord(Array.from({ length: 40 }, () => member('fetch')), member('fetch')))
  await reaches(app, wide.id, 'succeeded')
  const drawn = await page(wide.id)
  t.equal(count(drawn, /<g class="box /g), 2, 'members that are alike share a box')
  t.match(drawn, /fetch × 40[^]*40 succeeded/)

  const failed = await app.tasks.enqueueFlow(chain(member('bad'), member('fetch')))
  await reaches(app, failed.id, 'failed')
  t.match(await page(failed.id), /1 failed, 1 cancelled/)
  const one = await app.tasks.enqueueFlow(member('fetch'))
  await reaches(app, one.id, 'succeeded')
  t.notMatch(await page(one.id), '<figure>')
})

t.test('a flow of many members is not drawn', async t => {
  const app = await appWithPage(t, { define (app) { app.tasks.define('fetch') } })
  const member = (): any => ({ kind: 'signature', task: 'fetch', data: null, options: {} })
  const { id } = await app.tasks.enqueueFlow(group(...Array.from({ length: 501 }, member)))
  const { body } = await get(app, `tasks/${id}`)
  t.match(body, 'A flow of 501 members is not drawn.')
  t.notMatch(body, '<figure>')
})

t.test('the last hour is drawn on the first page, and for each name', async t => {
  const app = await appWithPage(t, {
    tasks: { worker: true, history: true },
    define (app) {
      app.tasks.define('good', () => 1)
      app.tasks.define('bad', () => { throw new Error('no') })
    }
  })
  const ids = await Promise.all(['good', 'good', 'bad'].map(async name => (await app.tasks.enqueue(name)).id))
  for (const id of ids) await reaches(app, id, 'succeeded', 'failed')
  const { body } = await get(app, '')
  t.match(body, /<title>The last hour: 2 succeeded, 1 failed<\/title>/)
  t.match(body, /<caption class="unseen">The last hour[^]*data-title="Enqueued"><div>3/)
  t.ok([60, 61].includes(count(body, /<rect class="all"/g)), 'a bar for each minute')
  const bad = (await get(app, 'names?name=bad')).body
  t.match(bad, /<h2><bdi>bad<\/bdi><\/h2>[^]*0 succeeded, 1 failed/)
  t.notMatch((await get(app, 'names?name=unknown')).body, 'The last hour')
  t.equal((await get(app, '')).statusCode, 200)
})
