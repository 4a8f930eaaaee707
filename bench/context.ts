/** What every part of the bench works with, and what it gives back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { celeryCommand, type Celery } from './peers/celery.ts'
import { rotated } from './stats.ts'
import type { BenchProcess, Processes } from './processes.ts'
import type { Bar } from './bars.ts'
import type { Panel } from './chart.ts'
import type { Reading } from './meter.ts'
import type { PeerName, Variant } from './peers/index.ts'
import type { BenchRedis } from './redis.ts'
import type { StartOptions } from './roles/worker.ts'

export interface BenchContext {
  redis: BenchRedis
  processes: Processes
  /** `full`; `quick` has fewer rounds and tasks; `tiny` only shows that it works. */
  size: Size
  peers: PeerName[]
  celery: Celery | null
  say (text: string): void
  /** The processes of the peers: they stay, warm, for the parts to come. */
  peerProcesses: Map<string, Promise<BenchProcess>>
}

export type Size = 'full' | 'quick' | 'tiny'

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
  charts?: Panel[]
}

export type Part = (stage: BenchContext) => Promise<Outcome>

export interface Pair { producer: BenchProcess, worker: BenchProcess }

/** Those of `wanted` that take part. */
export const present = ({ peers }: BenchContext, ...wanted: PeerName[]): PeerName[] => wanted.filter(peer => peers.includes(peer))

/**
 * The process of a peer.
 * @param url where it finds Redis. Default: the bench's own
 * @param which for several of one role
 */
export function actorOf (stage: BenchContext, peer: Variant, role: 'producer' | 'worker', url = stage.redis.url, which = 1): Promise<BenchProcess> {
  const { peerProcesses, processes, celery } = stage
  const key = [peer, role, url, which].join(' ')
  const actor = peerProcesses.get(key) ?? (peer === 'celery' ? processes.start(celeryCommand(celery!, role, url)) : processes.node(role, [peer, url]))
  peerProcesses.set(key, actor)
  return actor
}

/** A producer and a worker process of each peer. @param url where the workers find Redis */
export async function pairsOf<Name extends Variant> (stage: BenchContext, peers: Name[], url?: string): Promise<Map<Name, Pair>> {
  const pairs = new Map<Name, Pair>()
  for (const peer of peers) {
    const [producer, worker] = await Promise.all([actorOf(stage, peer, 'producer'), actorOf(stage, peer, 'worker', url)])
    pairs.set(peer, { producer, worker })
  }
  return pairs
}

/** Round by round, each in turn, another one first each time. What the first `warmUps` rounds give is thrown away. */
export async function inTurn<Name, T> (names: Name[], rounds: number, warmUps: number, run: (name: Name, round: number) => Promise<T>): Promise<Map<Name, T[]>> {
  const results = new Map<Name, T[]>(names.map(name => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of rotated(names, round + warmUps)) {
      const value = await run(name, round)
      if (round >= 0) results.get(name)!.push(value)
    }
  }
  return results
}

/** Looks at a worker until that many have ended. */
export async function drained (worker: BenchProcess, count: number, within = 60_000): Promise<Reading> {
  for (const end = Date.now() + within; Date.now() < end; await sleep(20)) {
    const reading = await worker.call<Reading>('read')
    if (reading.count >= count) return reading
  }
  throw new Error(`${worker.title} did not end ${count} tasks within ${within} ms`)
}

/** Starts a worker on what is in the queue, and stops it when that is done. */
export async function drain (worker: BenchProcess, options: StartOptions, within?: number): Promise<Reading> {
  await worker.call('start', options)
  const reading = await drained(worker, options.target, within)
  await worker.call('stop')
  return reading
}

export const perSecond = (count: number, ms: number): number => count / ms * 1_000

/** Tasks a second of a reading that reached its target. */
export const rateOf = ({ firstStart, end }: Reading, target: number): number => perSecond(target, end - firstStart)
