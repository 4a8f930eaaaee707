/**
 * Judges a run by all that was written to Redis, in its order: what a script wrote counts as one change. A task has
 * started while a claim names it, also that of a worker that died: it may still run there.
 */
import { readCommands } from '../aof.ts'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { laneOf, MAX, MAX_OF_ALL, nameOf, numberOf, RATES, RATES_OF_ALL, type Name } from './plan.ts'

export interface LimitAudit { problems: Record<string, string[]>, most: number, succeeded: number }

/** @param dir where each process wrote the starts of its tasks with a rate */
export function audit (aof: string, dir: string, ids: string[], left: string[]): LimitAudit {
  const book = new Book()
  let isInside = false
  for (const command of readCommands(aof)) {
    const word = command[0]!.toUpperCase()
    if (word === 'MULTI') isInside = true
    if (word === 'EXEC') isInside = false
    book.write(command)
    if (!isInside) book.check()
  }
  const { over, wrongOrder, succeeded, most } = book
  return {
    problems: {
      'over the limit': over,
      'over the rate': overRate(dir),
      'out of order': wrongOrder,
      'tasks that did not end': ids.filter(id => !succeeded.has(id)),
      'slots leaked': left
    },
    most,
    succeeded: succeeded.size
  }
}

/** Starts that are closer than the window to the one that has to be out of it. */
function overRate (dir: string): string[] {
  const starts = new Map<string, number[]>()
  for (const file of readdirSync(dir).filter(name => name.endsWith('.starts'))) {
    for (const line of readFileSync(join(dir, file), 'utf8').trim().split('\n')) {
      const [name, key, time] = line.split(' ')
      for (const lane of [name!, `${name}.${key}`]) push(starts, lane, Number(time))
    }
  }
  return [...starts].flatMap(([lane, times]) => {
    const [name, key] = lane.split('.') as [Name, string?]
    const rate = (key === undefined ? RATES_OF_ALL : RATES)[name]
    if (!rate) return []
    const sorted = times.sort((one, other) => one - other)
    const spans = sorted.slice(rate.max).map((time, i) => time - sorted[i]!)
    return spans.filter(span => span < rate.timeWindow).map(span => `${lane}: ${rate.max + 1} starts in ${span} ms`)
  })
}

function push (starts: Map<string, number[]>, lane: string, time: number): void {
  const times = starts.get(lane) ?? []
  starts.set(lane, times)
  times.push(time)
}

/** A lane, and that of all keys: its name. */
const lanesOf = (id: string): string[] => [laneOf(id), nameOf(id)]

const maxOf = (lane: string): number =>
  lane.includes('.') ? MAX[nameOf(`${lane}.0`)] : MAX_OF_ALL[lane as Name] ?? Infinity

class Book {
  readonly over: string[] = []
  readonly wrongOrder: string[] = []
  readonly succeeded = new Set<string>()
  /** The most tasks of one key that had started. */
  most = 0
  readonly #claimed = new Map<string, Set<string>>()
  readonly #slots = new Map<string, Set<string>>()
  readonly #changed = new Set<string>()
  readonly #lastOf = new Map<string, number>()

  write ([command, key = '', ...args]: string[]): void {
    const name = key.slice(key.lastIndexOf('}') + 2)
    const what = `${command!.toUpperCase()} ${name.split(':')[0]}`
    if (what === 'HSET claims') for (let i = 0; i < args.length; i += 2) this.#put(this.#claimed, args[i]!)
    if (what === 'HDEL claims') for (const id of args) this.#take(this.#claimed, id)
    if (what === 'SADD slots') for (const id of args) this.#put(this.#slots, id)
    if (what === 'SREM slots') for (const id of args) this.#take(this.#slots, id)
    if (what === 'HSET jobs') for (let i = 0; i < args.length; i += 2) this.#record(args[i]!, args[i + 1]!)
  }

  #put (lanes: Map<string, Set<string>>, id: string): void {
    for (const lane of lanesOf(id)) {
      lanes.set(lane, (lanes.get(lane) ?? new Set()).add(id))
      this.#changed.add(lane)
    }
  }

  #take (lanes: Map<string, Set<string>>, id: string): void {
    for (const lane of lanesOf(id)) lanes.get(lane)?.delete(id)
  }

  #record (id: string, text: string): void {
    if (!text.includes('"status":"succeeded"')) return
    this.succeeded.add(id)
    if (nameOf(id) !== 'step') return
    const [lane, number] = [laneOf(id), numberOf(id)]
    if (number < (this.#lastOf.get(lane) ?? -1)) this.wrongOrder.push(`${id} behind number ${this.#lastOf.get(lane)}`)
    this.#lastOf.set(lane, number)
  }

  /** Between two changes. */
  check (): void {
    for (const lane of this.#changed) {
      const max = maxOf(lane)
      for (const [what, ids] of [['started', this.#claimed.get(lane)], ['slots', this.#slots.get(lane)]] as const) {
        if ((ids?.size ?? 0) > max) this.over.push(`${lane}: ${ids!.size} ${what} of ${max}`)
      }
      if (lane.includes('.') && max < Infinity) this.most = Math.max(this.most, this.#claimed.get(lane)?.size ?? 0)
    }
    this.#changed.clear()
  }
}
