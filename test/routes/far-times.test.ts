/**
 * Times that no date-time of a schema can be.
 */
import t from 'tap'
import { build } from '../support/helpers.ts'

t.test('a tick of a time after the year 9999 is shown', async t => {
  const app = await build(t, { mode: 'memory', redis: undefined! }, app => { app.tasks.define('x', async () => {}) })
  const startAt = new Date('+010000-01-01T00:00:00.000Z')
  await app.tasks.schedules.set('far', { task: 'x', every: 60_000, startAt, maxRuns: 1 })
  await app.tasks.advance(startAt.getTime() - Date.now() + 1_000)
  const { last } = (await app.tasks.schedules.get('far'))!
  const reply = await app.inject(`/tasks/${last!.taskId}?queue=default`)
  t.match(reply.json(), { state: 'succeeded', schedule: { id: 'far', plannedAt: startAt.toISOString() } })
})
