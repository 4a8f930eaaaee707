/**
 * When schedules are due: changes of the clocks in five zones, intervals, and the end of each search.
 */
import t from 'tap'
import { Calendar } from '../../lib/schedules/calendar.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

const wallOf = (time: number, timeZone: string): string =>
  new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(time)

/** For each zone: the moment of a change, a fixed time that is skipped or repeated, and when that runs. */
const changes: Record<string, Array<[at: string, cron: string, runs: string]>> = {
  'Europe/Berlin': [
    ['2026-03-29T01:00Z', '30 2 * * *', '03:00'], ['2026-10-25T01:00Z', '30 2 * * *', '02:30'],
    ['2027-03-28T01:00Z', '0 2 * * *', '03:00'], ['2027-10-31T01:00Z', '59 2 * * *', '02:59']
  ],
  'America/New_York': [
    ['2026-03-08T07:00Z', '30 2 * * *', '03:00'], ['2026-11-01T06:00Z', '30 1 * * *', '01:30'],
    ['2027-03-14T07:00Z', '15 2 * * *', '03:00'], ['2027-11-07T06:00Z', '0 1-1 * * *', '01:00']
  ],
  'Australia/Lord_Howe': [
    ['2026-04-04T15:00Z', '45 1 * * *', '01:45'], ['2026-10-03T15:30Z', '15 2 * * *', '02:30'],
    ['2027-04-03T15:00Z', '30 1 * * *', '01:30'], ['2027-10-02T15:30Z', '15 2 * * *', '02:30']
  ],
  'America/Santiago': [
    ['2026-04-05T03:00Z', '30 23 * * *', '23:30'], ['2026-09-06T04:00Z', '30 0 * * *', '01:00'],
    ['2027-04-04T03:00Z', '0 23 * * *', '23:00'], ['2027-09-05T04:00Z', '0 0 * * *', '01:00']
  ],
  'Africa/Cairo': [
    ['2026-04-23T22:00Z', '0 0 * * *', '01:00'], ['2026-10-29T21:00Z', '30 23 * * *', '23:30'],
    ['2027-04-29T22:00Z', '30 0 * * *', '01:00'], ['2027-10-28T21:00Z', '0 23 * * *', '23:00']
  ]
}

for (const [timezone, rows] of Object.entries(changes)) {
  t.test(`${timezone}: a fixed time runs once a day, also if the clocks skip or repeat it`, async t => {
    for (const [at, cron, runs] of rows) {
      const change = Date.parse(at)
      const times = new Calendar({ cron, timezone }).upcoming(change - 40 * HOUR, 4)
      const near = times.filter(time => Math.abs(time - change) <= 2 * HOUR)
      t.equal(near.length, 1, `${at} ${cron}: once`)
      t.equal(wallOf(near[0]!, timezone).slice(-5), runs, `${at} ${cron}`)
      const days = times.map(time => wallOf(time, timezone).slice(0, 10))
      t.equal(new Set(days).size, 4, `${at} ${cron}: each day`)
    }
  })

  t.test(`${timezone}: every quarter of an hour goes on by elapsed time`, async t => {
    for (const [at] of rows) {
      const from = Date.parse(at) - 3 * HOUR - 1
      for (const cron of ['*/15 * * * *', '*/15 ? * * *']) {
        const times = new Calendar({ cron, timezone }).upcoming(from, 24)
        t.strictSame(times, Array.from({ length: 24 }, (_, i) => from + 1 + i * 15 * MINUTE), `${at} ${cron}`)
      }
    }
  })

  t.test(`${timezone}: whatever the time, the next one is later`, async t => {
    for (const cron of ['*/10 * * * *', '30 2 * * *', '0 1-3 * * *', '0 */2 * * *', '0 0 1 * *']) {
      const calendar = new Calendar({ cron, timezone })
      for (const [at] of rows) {
        for (let time = Date.parse(at) - 2 * HOUR; time < Date.parse(at) + 2 * HOUR; time += 7 * MINUTE) {
          const next = calendar.next(time)
          if (!(next !== null && next > time)) t.fail(`${cron} at ${new Date(time).toISOString()}: ${next}`)
        }
      }
    }
  })
}

t.test('rare days are found, impossible ones are not', async t => {
  const next = (cron: string): string | undefined => {
    const time = new Calendar({ cron }).next(Date.parse('2026-03-01T00:00Z'))
    return time === null ? undefined : new Date(time).toISOString().slice(0, 10)
  }
  t.equal(next('0 0 29 2 *'), '2028-02-29')
  t.equal(next('0 0 31 * *'), '2026-03-31')
  t.equal(next('0 0 30 2 *'), undefined)
  t.equal(next('0 0 31 4 *'), undefined)
})

t.test('an interval is aligned to its start, else to 1970', async t => {
  t.strictSame(new Calendar({ every: 1_000 }).upcoming(2_500, 2), [3_000, 4_000])
  t.strictSame(new Calendar({ every: 1_000 }).upcoming(3_000, 1), [4_000])
  t.strictSame(new Calendar({ every: 1_000, startAt: 5_250 }).upcoming(0, 2), [5_250, 6_250])
  t.strictSame(new Calendar({ every: 1_000, startAt: 250, endAt: 2_250 }).upcoming(1_000, 9), [1_250, 2_250])
  const bounded = new Calendar({ cron: '* * * * *', startAt: 90_000, endAt: 240_000 })
  t.strictSame(bounded.upcoming(0, 9), [120_000, 180_000, 240_000])
  t.strictSame(new Calendar({ cron: '*/20 * * * * *', seconds: true }).upcoming(0, 2), [20_000, 40_000])
})

t.test('passed: the latest tick, how many came before it, and the next', async t => {
  const calendar = new Calendar({ every: 1_000 })
  const at = (tick: number): number => tick
  t.strictSame(calendar.passed(1_000, 1_500, at), { latest: 1_000, before: 0, next: 2_000 })
  t.strictSame(calendar.passed(1_000, 4_000, at), { latest: 4_000, before: 3, next: 5_000 })
  t.strictSame(calendar.passed(1_000, 4_000, tick => tick + 500), { latest: 3_000, before: 2, next: 4_000 })
  const late = 20_000_000
  t.strictSame(calendar.passed(1_000, late, at), { latest: late, before: 19_999, next: late + 1_000 }, 'a long row')
  const jitter = (tick: number): number => tick + 500
  t.strictSame(calendar.passed(1_000, late, jitter), { latest: late - 1_000, before: 19_998, next: late })
  const ended = new Calendar({ every: 1_000, endAt: 15_000_500 })
  t.strictSame(ended.passed(1_000, late, at), { latest: 15_000_000, before: 14_999, next: null })
})

t.test('passed: the latest of a long row of a cron expression, also if it pauses for long', async t => {
  const at = (tick: number): number => tick
  const passed = (cron: string, ms: number) => new Calendar({ cron }).passed(60_000, ms, at)
  const day = 86_400_000
  t.strictSame(passed('* * * * *', 9 * day + 1), { latest: 9 * day, before: 10_001, next: 9 * day + 60_000 })
  // Each minute of January.
  t.strictSame(passed('* * * 1 *', 300 * day), { latest: 31 * day - 60_000, before: 10_001, next: 365 * day })
})
