/**
 * What a worker keeps of the schedules that it has fired.
 */
import v8 from 'node:v8'
import t from 'tap'
import { Calendar } from '../../lib/schedules/calendar.ts'
import { Ticker } from '../../lib/schedules/ticker.ts'
import { ALONE } from '../support/room.ts'
import type { QueueSchedules, StoredSchedule } from '../../lib/store/schedule-contract.ts'

/** So many schedules have a time of their own. */
const COUNT = 600

function scheduleOf (number: number): StoredSchedule {
  const timing = { cron: `${number % 60} ${Math.floor(number / 60)} * * *` }
  const template = { name: 'x', queue: 'default', data: null, options: {} }
  const spec = { timing, overlap: 'skip', catchUpWindow: 0, jitter: 0, maxRuns: null, template }
  const state = { epoch: 1, generation: 1, hash: '', declared: false, seen: 0, grace: 0, next: Date.now() - 1 }
  return { id: `s-${number}`, spec: JSON.stringify(spec), state }
}

// A calendar takes some 80 kB.
t.test('a worker that fires the schedules of many customers does not keep the calendar of each', ALONE, async t => {
  const count = (): number => (v8 as any).queryObjects(Calendar, { format: 'count' })
  const schedules = Array.from({ length: COUNT }, (_, number) => scheduleOf(number))
  const fired = new Set<string>()
  const store: Partial<QueueSchedules> = {
    async read () { return { now: Date.now(), schedules } },
    async tick ({ id }) {
      fired.add(id)
      return 'fired'
    }
  }
  const before = count()
  const ticker = new Ticker({
    queue: 'default',
    schedules: store as QueueSchedules,
    instance: 'app',
    worker: 'w',
    log: { debug () {}, warn () {} } as any // at the minute of one of them a tick is missed
  })
  t.equal(await ticker.fireDue(), COUNT)
  t.equal(fired.size, COUNT)
  const kept = count() - before
  t.ok(kept <= COUNT / 2, `${kept} are kept`)
  await ticker.fireDue()
})
