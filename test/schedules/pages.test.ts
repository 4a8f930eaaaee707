/**
 * Pages of schedules: by id, and none is left out or twice while others come, go and move.
 */
import t from 'tap'
import { build, connect, errorOf, inRedis, randomPrefix } from '../support/helpers.ts'
import type { ScheduleRecord } from '../../lib/types.ts'

const EVERY = { task: 'x', every: 3_600_000 }

t.test('what stays is on one page, whatever comes, goes and moves meanwhile', async t => {
  const app = await build(t, { queues: ['other'] }, app => { app.tasks.define('x') })
  const { schedules } = app.tasks
  const ids = Array.from({ length: 200 }, (_, i) => `s${String(i).padStart(3, '0')}`)
  await Promise.all(ids.map(id => schedules.set(id, EVERY)))
  const seen: ScheduleRecord[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page++) {
    const read = await schedules.list({ limit: 7, ...cursor && { cursor } })
    t.ok(read.schedules.length <= 7)
    seen.push(...read.schedules)
    cursor = read.cursor
    await schedules.set(`a-new-${page}`, EVERY) // behind the cursor
    await schedules.remove(seen.at(-1)!.id) // the one that the cursor names
    await schedules.set('s190', { ...EVERY, options: { queue: page % 2 === 0 ? 'other' : 'default' } })
  }
  t.same(seen.map(({ id }) => id), ids)
})

t.test('no page, an odd limit, and a cursor of another list', async t => {
  const app = await build(t, {}, app => { app.tasks.define('x') })
  const { schedules } = app.tasks
  t.same(await schedules.list(), { schedules: [], cursor: null })
  const codes = [
    [{ limit: 0 }, 'FST_TASKS_PLUGIN_OPTION_INVALID'], [{ limits: 1 }, 'FST_TASKS_OPTION_UNKNOWN'],
    [{ cursor: 'x' }, 'FST_TASKS_CURSOR_INVALID'],
    [{ cursor: Buffer.from('[1]').toString('base64url') }, 'FST_TASKS_CURSOR_INVALID']
  ] as const
  for (const [options, code] of codes) t.equal((await errorOf(schedules.list(options as object))).code, code)
})

inRedis('a schedule that cannot be read hides no other, and can be removed', 'another version is in Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  for (const id of ['a', 'b', 'c']) await app.tasks.schedules.set(id, { task: 'x', every: 60_000 })
  const redis = connect(t)
  const wrong = [
    'garbage', 'null', '0', '{"timing":{"cron":"* * * * * * *"},"template":{"name":"x"}}', '{"timing":{"every":5}}'
  ]
  for (const text of wrong) {
    await redis.hset(`${prefix}:{default}:schedules`, 'b', text)
    const { schedules } = await app.tasks.schedules.list()
    t.same(schedules.map(({ id, task }) => [id, task]), [['a', 'x'], ['b', 'unknown'], ['c', 'x']], text)
    t.match(await app.tasks.schedules.get('b'), { id: 'b', cron: null, every: null, next: [] })
    const refused = { code: 'FST_TASKS_SCHEDULE_UNREADABLE', message: /"b"/, cause: Error }
    t.match(await errorOf(app.tasks.schedules.trigger('b')), refused, text)
    if (!text.includes('every')) t.match(await errorOf(app.tasks.schedules.resume('b')), refused, text)
  }
  t.equal(await app.tasks.schedules.remove('b'), true)
  t.equal((await app.tasks.schedules.list()).schedules.length, 2)
})

inRedis('what the state of a schedule has of another type is left out', 'another version is in Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  for (const id of ['a', 'b', 'c']) await app.tasks.schedules.set(id, { task: 'x', every: 60_000 })
  const redis = connect(t)
  const put = (text: string): Promise<number> => redis.hset(`${prefix}:{default}:scheduleStates`, 'b', text)
  const wrong = { next: 'x', last: 9e15, task: 5, seen: null, grace: [], declared: 1, fired: {}, constructor: 1 }
  await put(JSON.stringify({ epoch: 1, generation: 1, hash: '', paused: true, ...wrong }))
  const shown = { id: 'b', paused: true, declared: false, orphan: false, next: [], last: null, fired: 0 }
  t.match((await app.tasks.schedules.list()).schedules, [{ id: 'a' }, shown, { id: 'c' }])
  for (const text of ['garbage', 'null', '5', '[]', '']) {
    await put(text)
    t.match((await app.tasks.schedules.list()).schedules, [{ id: 'a' }, { id: 'c' }], text)
    t.equal(await app.tasks.schedules.get('b'), null)
  }
  await app.tasks.schedules.set('b', { task: 'x', every: 5_000 })
  t.match(await app.tasks.schedules.get('b'), { id: 'b', every: 5_000 })
})
