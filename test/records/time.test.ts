/**
 * Times are written as a Date writes them.
 */
import t from 'tap'
import { MAX_DATE, toIsoTime } from '../../lib/records/time.ts'

const DAY_MS = 86_400_000

t.test('as a Date: at the ends of days and years, before 1970, fractions, the first and the last time', async t => {
  const edges = [
    0, -0, 1, -1, 999, DAY_MS - 1, DAY_MS, -DAY_MS, -DAY_MS - 1, 0.9, -0.9, 1.5, -1.5, 951_782_399_999, 951_782_400_000,
    Date.UTC(9999, 11, 31, 23, 59, 59, 999), Date.UTC(10_000), Date.UTC(-1), Date.UTC(-1) - 1, MAX_DATE, -MAX_DATE
  ]
  for (const ms of edges) t.equal(toIsoTime(ms), new Date(ms).toISOString(), String(ms))
})

t.test('as a Date: any time', async t => {
  const times = Array.from({ length: 20_000 }, (_, i) =>
    Math.trunc((Math.random() - 0.5) * (i % 2 ? 2 * MAX_DATE : 1e13)))
  t.same(times.map(toIsoTime), times.map(ms => new Date(ms).toISOString()))
})

t.test('null for what no Date can hold', async t => {
  for (const ms of [undefined, NaN, Infinity, -Infinity, MAX_DATE + 1, -MAX_DATE - 1]) t.equal(toIsoTime(ms), null)
})
