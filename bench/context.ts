/** The context that every part of the bench gets, the result that it returns, and how parts run peers. */
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
  /** `full`; `quick` has fewer rounds and tasks; `tiny` only shows that the bench works. */
  size: Size
  peers: PeerName[]
  celery: Celery | null
  log (text: string): void
  /** The processes of the peers. They are kept, warm, for the following parts. */
  peerProcesses: Map<string, Promise<BenchProcess>>
}

export type Size = 'full' | 'quick' | 'tiny'

export interface Table {
  title: string
  /** Explains the figures, below the table. */
  note?: string
  columns: string[]
  rows: Array<Array<string | number | null>>
}

export interface PartResult {
  tables: Table[]
  bars: Bar[]
  charts?: Panel[]
}

export type Part = (context: BenchContext) => Promise<PartResult>

export interface Pair { producer: BenchProcess, worker: BenchProcess }

/** Those of `wanted` that take part in this run. */
export const participating = ({ peers }: BenchContext, ...wanted: PeerName[]): PeerName[] =>
  wanted.filter(peer => peers.includes(peer))

/**
 * The process of a peer in a role. Starts it at the first call.
 * @param url of its Redis. Default: the bench's own
 * @param number tells processes of the same peer and role apart
 */
export function peerProcess (
  context: BenchContext, peer: Variant, role: 'producer' | 'worker', url = context.redis.url, number = 1
): Promise<BenchProcess> {
  const { peerProcesses, processes, celery } = context
  const key = [peer, role, url, number].join(' ')
  const started = peerProcesses.get(key) ??
    (peer === 'celery' ? processes.start(celeryCommand(celery!, role, url)) : processes.node(role, [peer, url]))
  peerProcesses.set(key, started)
  return started
}

/** A producer and a worker process of each peer. @param url of the workers' Redis */
export async function peerPairs<Name extends Variant> (
  context: BenchContext, peers: Name[], url?: string
): Promise<Map<Name, Pair>> {
  const pairs = new Map<Name, Pair>()
  for (const peer of peers) {
    const [producer, worker] = await Promise.all([
      peerProcess(context, peer, 'producer'), peerProcess(context, peer, 'worker', url)
    ])
    pairs.set(peer, { producer, worker })
  }
  return pairs
}

/** Runs each name once a round, and begins each round with another name. Drops the results of the warm-up rounds. */
export async function interleave<Name, T> (
  names: Name[], rounds: number, warmUps: number, run: (name: Name, round: number) => Promise<T>
): Promise<Map<Name, T[]>> {
  const results = new Map<Name, T[]>(names.map(name => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of rotated(names, round + warmUps)) {
      const value = await run(name, round)
      if (round >= 0) results.get(name)!.push(value)
    }
  }
  return results
}

/** Reads a worker's meter until it counts that many finished tasks. Throws after `within` ms. */
export async function waitForCount (worker: BenchProcess, count: number, within = 60_000): Promise<Reading> {
  for (const end = Date.now() + within; Date.now() < end; await sleep(20)) {
    const reading = await worker.call<Reading>('read')
    if (reading.count >= count) return reading
  }
  throw new Error(`${worker.title} did not finish ${count} tasks within ${within} ms`)
}

/** Starts a worker on a filled queue, and stops it when the queue is done. */
export async function drain (worker: BenchProcess, options: StartOptions, within?: number): Promise<Reading> {
  await worker.call('start', options)
  const reading = await waitForCount(worker, options.target, within)
  await worker.call('stop')
  return reading
}

export const perSecond = (count: number, ms: number): number => count / ms * 1_000

/** Tasks a second of a reading that reached its target. */
export const rateOf = ({ firstStart, end }: Reading, target: number): number => perSecond(target, end - firstStart)
