/**
 * Schedules of mode 'memory' do as those in Redis: random programs make the same calls of both, and compare replies,
 * schedules, records and messages.
 */
import t from 'tap'
import { comparePrograms } from '../support/compare-programs.ts'
import { scheduleMembers } from '../support/queue-under-test.ts'
import { knownPrograms, observe, programs } from '../support/schedule-programs.ts'

t.test('whatever is called, in whatever order, schedules in memory reply as those in Redis do', async t => {
  const replies = new Set<unknown>()
  const onReply = (reply: unknown): void => { replies.add(Array.isArray(reply) ? reply[1] : reply) }
  await comparePrograms(t, { programs, knownPrograms, observe, members: scheduleMembers, onReply })
  const expected = [
    'set', 'unchanged', 'declared', 'superseded', 'passed', 'fired', 'skipped', 'held', 'missed', 'taken', 'early',
    'orphan'
  ]
  for (const reply of expected) t.ok(replies.has(reply), `a program gets the reply "${reply}"`)
})
