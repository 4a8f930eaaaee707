/** The tasks of a run: each has a key, whose limit holds over all processes. */
import { Random } from '../random.ts'
import type { EnqueueItem, RateOptions } from '../../lib/types.ts'

export const PREFIX = 'chaos'
export const STALL_MS = 1_000
/** How many tasks of a key may have started: `step` runs in order, `call` has only a rate. */
export const MAX = { sync: 2, step: 1, call: Infinity, sum: Infinity, pair: 2 }
export type Name = keyof typeof MAX
export const NAMES = Object.keys(MAX) as Name[]
/** How many tasks of all keys may have started. */
export const MAX_OF_ALL: Partial<Record<Name, number>> = { sum: 4 }
/** In any window, of each key. */
export const RATES: Partial<Record<Name, RateOptions>> = {
  call: { max: 5, timeWindow: 500 }, sum: { max: 20, timeWindow: 500 }
}
/** In any window, of all keys. */
export const RATES_OF_ALL: Partial<Record<Name, RateOptions>> = { pair: { max: 20, timeWindow: 500 } }

export interface Size {
  tasks: number
  keys: number
  workers: number
  /** Faults of Redis and of the connections to it. */
  faults: number
  /** Without faults from then on, in ms. */
  calmAfter: number
  /** In ms from then on. */
  limit: number
}

export interface Work { key: string, ms: number, fails: boolean }

/** An id begins with the name and the key of its task, and ends with its number. */
export const laneOf = (id: string): string => id.slice(0, id.lastIndexOf('.'))
export const nameOf = (id: string): Name => id.slice(0, id.indexOf('.')) as Name
export const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf('.') + 1))

/** Of each ten keys one has tasks in order, one a rate, two have limits and rates of both kinds. */
const BY_DIGIT: Name[] = ['step', 'sync', 'sync', 'sum', 'sync', 'call', 'sync', 'pair', 'sync', 'sync']

/** Some tasks fail once, some are delayed. */
export function planTask (seed: number, i: number, keys: number): { name: Name, item: EnqueueItem<Work> } {
  const random = new Random(seed * 100_000 + i)
  const number = random.int(0, keys - 1)
  const name = BY_DIGIT[number % 10]!
  const data = { key: `k${number}`, ms: random.int(10, 30), fails: random.chance(0.05) }
  const delay = name !== 'step' && random.chance(0.1) ? random.int(1, 1_000) : undefined
  return { name, item: { id: `${name}.${data.key}.${i}`, data, ...delay !== undefined && { delay } } }
}
