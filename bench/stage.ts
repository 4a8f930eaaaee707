/** What every part of the bench works with, and what it gives back. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Actor, Cast } from './cast.ts'
import type { Bar } from './bars.ts'
import type { Reading } from './meter.ts'
import type { PeerName } from './peers/index.ts'
import type { BenchRedis } from './redis.ts'
import type { StartOptions } from './roles/worker.ts'

export interface Stage {
  redis: BenchRedis
  cast: Cast
  quick: boolean
  /** Those that take part, the floor first. */
  peers: PeerName[]
  say (text: string): void
}

export interface Table {
  title: string
  /** What must be known to read it. */
  note?: string
  columns: string[]
  rows: Array<Array<string | number | null>>
}

export interface Outcome {
  tables: Table[]
  bars: Bar[]
}

export type Part = (stage: Stage) => Promise<Outcome>

export interface Pair { producer: Actor, worker: Actor }

/** A producer and a worker process of one peer. */
export async function pairOf ({ cast, redis }: Stage, peer: PeerName): Promise<Pair> {
  const [producer, worker] = await Promise.all([cast.node('producer', [peer, redis.url]), cast.node('worker', [peer, redis.url])])
  return { producer, worker }
}

/** Looks at a worker until that many have ended. */
export async function drained (worker: Actor, count: number, within = 60_000): Promise<Reading> {
  for (const end = Date.now() + within; Date.now() < end; await sleep(20)) {
    const reading = await worker.call<Reading>('read')
    if (reading.count >= count) return reading
  }
  throw new Error(`${worker.title} did not end ${count} tasks within ${within} ms`)
}

/** Starts a worker on what is in the queue, and stops it when that is done. */
export async function drain (worker: Actor, options: StartOptions, within?: number): Promise<Reading> {
  await worker.call('start', options)
  const reading = await drained(worker, options.target, within)
  await worker.call('stop')
  return reading
}

export const perSecond = (count: number, ms: number): number => count / ms * 1_000
