/**
 * However many names, codes and queues there are, the number of series is bounded.
 */
import t from 'tap'
import { toText } from '../../lib/metrics/exposition.ts'
import { LIMITS } from '../../lib/metrics/names.ts'
import { OUTCOMES } from '../../lib/metrics/meter.ts'
import { TaskCounts } from '../../lib/metrics/task-counts.ts'
import { AppMetrics } from '../../lib/metrics/app-metrics.ts'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { parse } from '../support/metrics.ts'

/** docs/guides/monitoring.md states it. */
const MOST_SERIES = 32_000
const MANY = 10_000

const HOSTILE = ['__proto__', 'constructor', 'a"b', 'a\\', 'line\nbreak', '{}', '', 'ünï 😀']
const names = [...HOSTILE, ...Array.from({ length: MANY }, (_, i) => `n-${i}`)]

/** Counts all that can be counted of each name, in queues, with codes. */
function countAll (counts: TaskCounts): void {
  names.forEach((name, i) => {
    const queue = names[(i * 7) % names.length]!
    counts.enqueued(queue, name, 1)
    counts.stored(queue, i)
    counts.enqueueFailed(queue, Object.assign(new Error(name), { code: `FST_TASKS_${name}` }))
    counts.enqueueFailed(undefined, name)
    counts.started(queue, name, i)
    counts.attemptFailed(queue, name, { code: name })
    counts.enqueueFailed(queue, { get code () { throw new Error('do not look') } })
    counts.ended(queue, name, OUTCOMES[i % OUTCOMES.length]!, i)
    counts.scheduleSucceeded(name)
  })
}

for (const isKnown of [true, false]) {
  t.test(`10,000 ${isKnown ? 'defined' : 'unknown'} names, queues and codes`, async t => {
    const counts = new TaskCounts({ isQueue: () => isKnown, isTask: () => isKnown })
    countAll(counts)
    countAll(counts)
    const { series } = parse(toText(counts.samples()))
    t.comment(`${series.length} series`)
    t.ok(series.length <= MOST_SERIES)
    const sum = (name: string): number => series.filter(one => one.name === `fastify_tasks_${name}`)
      .reduce((total, { value }) => total + value, 0)
    const labels = new Set(series.map(({ labels }) => labels.task).filter(task => task !== undefined))
    t.equal(labels.size === 1, !isKnown, 'unknown names are one')
    t.equal(sum('enqueued_total'), 2 * names.length, 'nothing is dropped')
    t.equal(sum('attempts_total'), 2 * names.length)
    t.equal(sum('enqueue_failures_total'), 6 * names.length)
    t.equal(sum('attempt_errors_total'), 2 * names.length)
    t.equal(sum('wait_seconds_count'), 2 * names.length)
    t.same(new Set(series.map(({ labels }) => labels.code).filter(code => code !== undefined)), new Set(['error']))
  })
}

t.test('10,000 queues with schedules, and as many running tasks: only some are read and shown', async t => {
  const store = new MemoryStore()
  const queues = new Map(names.map(name => [name, store.queue(name)]))
  const definitions = new Map(names.map(name => [name, {}]))
  let measured = 0
  for (const queue of queues.values()) {
    const { measure } = queue
    queue.measure = async (...args) => {
      measured++
      const found = await measure.apply(queue, args)
      return { ...found, ticks: names.slice(0, 100).map(id => ({ id: `${queue.name} ${id}`, due: 1 })) }
    }
  }
  const metrics = new AppMetrics({ queues, definitions, calls: store.calls, clock: store.clock }, true)
  countAll(metrics.counts)
  metrics.setLoad(() => names.map(queue => ({ queue, slots: 1, running: [{ name: queue, startedAt: 0 }] })))
  const { series } = parse(await metrics.text())
  t.equal(measured, LIMITS.queues)
  t.ok(series.length <= MOST_SERIES, `${series.length} series`)
})

t.test('buckets: a value on a bound is in it, one above the last only in +Inf', async t => {
  const counts = new TaskCounts({ isQueue: () => true, isTask: () => true })
  for (const ms of [5, 5.1, 1_800_000, 1_800_001]) counts.ended('q', 'x', 'succeeded', ms)
  const { series } = parse(toText(counts.samples()))
  const bucket = (le: string): number | undefined =>
    series.find(({ name, labels }) => name.endsWith('attempt_duration_seconds_bucket') && labels.le === le)?.value
  t.same([bucket('0.005'), bucket('0.01'), bucket('1800'), bucket('+Inf')], [1, 2, 3, 4])
})
