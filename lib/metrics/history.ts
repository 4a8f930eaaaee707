/**
 * The history of an app: what its processes counted, by minutes and hours.
 *
 * 1. A process stores what it counted every few seconds, if it counted anything, and at its close. One that is killed
 *    loses the last seconds, and a call whose reply was lost may count twice or not at all.
 * 2. `read` puts the points together.
 */
import { HistoryCountsMeter, toRow, type Counted, type Row } from './history-counts.ts'
import { checkHistory } from '../options.ts'
import { addNumbers, KEPT_MS, UNIT_MS, type HistoryCounts, type HistoryUnit } from '../store/history-contract.ts'
import { clearTimeout, setTimeout, uptime } from '../timers.ts'
import { within } from '../within.ts'
import type { MetricsOwner } from './app-metrics.ts'
import type { HistoryOptions, HistoryPoint, HistoryTimes } from '../types.ts'

/** How often it is stored, in ms. As often as a worker's heartbeat. */
const INTERVAL_MS = 5_000
/** How long a close waits for the last call, in ms. */
const CLOSE_MS = 500

export class AppHistory {
  readonly meter: HistoryCountsMeter
  readonly #owner: MetricsOwner
  /** Whether it is stored by a timer. */
  readonly #isTimed: boolean
  #timer: NodeJS.Timeout | null = null
  readonly #hours = new Map<string, Counted>()
  #hoursAt = -Infinity
  #closed = false

  constructor (owner: MetricsOwner, isTimed: boolean) {
    this.#owner = owner
    this.#isTimed = isTimed
    this.meter = new HistoryCountsMeter(() => this.#onCounted())
  }

  #onCounted (): void {
    if (this.#timer || this.#closed || !this.#isTimed) return
    this.#timer = this.#owner.outside(() => setTimeout(() => void this.#flush(false), INTERVAL_MS)).unref()
  }

  /** Never rejects. @param all also the hours, which are stored once a minute: that halves the work of Redis */
  async #flush (all: boolean): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const counted = this.meter.take()
    for (const one of counted) this.#addToHour(one)
    const sent = counted.map(one => this.#store('minute', one))
    const areHoursDue = all || uptime() - this.#hoursAt >= UNIT_MS.minute
    if (areHoursDue) sent.push(...this.#takeHours().map(one => this.#store('hour', one)))
    else if (this.#hours.size > 0) this.#onCounted()
    await Promise.all(sent)
  }

  #addToHour ({ time, queue, counts }: Counted): void {
    const hour = Math.floor(time / UNIT_MS.hour) * UNIT_MS.hour
    const known = this.#hours.get(`${hour} ${queue}`) ?? { time: hour, queue, counts: noCounts() }
    for (const [name, numbers] of Object.entries(counts)) addNumbers(known.counts[name] ??= [], numbers)
    this.#hours.set(`${hour} ${queue}`, known)
  }

  #takeHours (): Counted[] {
    const taken = [...this.#hours.values()]
    this.#hours.clear()
    this.#hoursAt = uptime()
    return taken
  }

  async #store (unit: HistoryUnit, { time, queue: name, counts }: Counted): Promise<void> {
    const { queues, calls } = this.#owner
    const add = (): Promise<void> => queues.get(name)!.history.add(unit, time, counts)
    await calls.call('history', 'What was counted is lost.', add).catch(() => {})
  }

  /** See `FastifyTasks.history`. */
  async read (given: HistoryOptions): Promise<HistoryPoint[]> {
    await this.#flush(true)
    const { queues, calls, clock } = this.#owner
    const { queue, name, from, to, step } = checkHistory(given, clock.now())
    const unit: HistoryUnit = step % UNIT_MS.hour === 0 ? 'hour' : 'minute'
    const now = clock.now()
    const times = timesOf(unit, Math.max(from, now - KEPT_MS[unit]), Math.min(to, now + 1)) // at most what may be kept
    const of = queue === undefined ? [...queues.values()] : [this.#owner.queue(queue)]
    const read = await Promise.all(of.map(one =>
      calls.call('a read of the history', 'It changes nothing: try again.', () => one.history.read(unit, times))))
    return toPoints(times, read, step, name)
  }

  /** Stores what is left, if Redis answers. */
  async close (): Promise<void> {
    this.#closed = true
    if (this.#owner.calls.ready) await within(CLOSE_MS, this.#flush(true))
  }
}

/** A task may be named constructor or __proto__. */
const noCounts = (): HistoryCounts => Object.create(null)

function timesOf (unit: HistoryUnit, from: number, to: number): number[] {
  const [first, length] = [Math.floor(from / UNIT_MS[unit]) * UNIT_MS[unit], UNIT_MS[unit]]
  return Array.from({ length: Math.max(0, Math.ceil((to - first) / length)) }, (_, i) => first + i * length)
}

function toPoints (
  times: number[], queues: HistoryCounts[][], step: number, name: string | undefined
): HistoryPoint[] {
  const sums = new Map<number, number[]>()
  times.forEach((time, i) => {
    const start = Math.floor(time / step) * step
    const sum = sums.get(start) ?? []
    sums.set(start, sum)
    for (const queue of queues) addTo(sum, queue[i]!, name)
  })
  return Array.from(sums, ([time, sum]) => toPoint(time, toRow(sum)))
}

function addTo (sum: number[], counts: HistoryCounts, name: string | undefined): void {
  for (const [task, numbers] of Object.entries(counts)) {
    if (name === undefined || task === name) addNumbers(sum, numbers)
  }
}

function toPoint (time: number, { in: enqueued, ok: succeeded, failed, retried, w, r, ms: runMs }: Row): HistoryPoint {
  const at = new Date(time).toISOString()
  return { time: at, enqueued, succeeded, failed, retried, wait: toTimes(w), run: toTimes(r), runMs }
}

function toTimes (buckets: number[]): HistoryTimes {
  const all = buckets.reduce((sum, count) => sum + count, 0)
  const atMost = (part: number): number | null => {
    let left = all * part
    const bucket = buckets.findIndex(count => (left -= count) <= 0 && count > 0)
    return all === 0 ? null : 2 ** bucket
  }
  return { p50: atMost(0.5), p95: atMost(0.95), p99: atMost(0.99) }
}
