/** Measures enqueued tasks a second: one by one, in a window of calls in flight, and many in one call. */
import { atLeast, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import {
  peerProcess, interleave, perSecond, participating, type PartResult, type Size, type BenchContext
} from '../context.ts'
import type { BenchProcess } from '../processes.ts'

const WINDOW = 500

/** The ProducerRole's methods. */
type Way = 'one' | 'window' | 'many'
type Rates = Record<Way, number | null>
type Samples = Map<PeerName, Rates[]>

/** @property one tasks enqueued one by one @property many tasks enqueued in a window, or many in one call */
const workloads: Record<Size, { rounds: number, one: number, many: number }> = {
  full: { rounds: 5, one: 4_000, many: 20_000 },
  quick: { rounds: 2, one: 800, many: 6_000 },
  tiny: { rounds: 1, one: 100, many: 500 }
}

export async function enqueue (context: BenchContext): Promise<PartResult> {
  const { rounds, one, many } = workloads[context.size]
  const celery = context.size === 'full' ? ['celery'] as const : []
  const peers = participating(context, 'floor', 'ours', 'bee', 'bullmq', ...celery)
  const producers = new Map<PeerName, BenchProcess>()
  for (const peer of peers) producers.set(peer, await peerProcess(context, peer, 'producer'))
  const samples: Samples = await interleave(peers, rounds, 1, async (peer, round) => {
    const rates: Rates = { one: null, window: null, many: null }
    for (const way of peer === 'celery' ? ['one'] as const : ['one', 'window', 'many'] as const) {
      await context.redis.flush()
      const count = way === 'one' ? one : many
      const options = { count, ...(way === 'window' && { size: WINDOW }) }
      rates[way] = perSecond(count, await producers.get(peer)!.call<number>(way, options))
    }
    const texts = Object.values(rates).map(rate => rate === null ? '–' : Math.round(rate))
    if (round >= 0) context.log(`enqueue, round ${round + 1}: ${titles[peer]} ${texts.join(', ')}/s`)
    return rates
  })
  return { tables: [table(samples)], bars: bars(samples) }
}

const ratesOf = (samples: Samples, peer: PeerName, way: Way): number[] =>
  (samples.get(peer) ?? []).flatMap(rates => rates[way] ?? [])

function table (samples: Samples): PartResult['tables'][number] {
  const cell = (peer: PeerName, way: Way): number | null => {
    const rates = ratesOf(samples, peer, way)
    return rates.length > 0 ? Math.round(median(rates)) : null
  }
  return {
    title: 'Enqueued a second',
    note: 'Many: enqueueMany, saveAll, addBulk, LPUSH of 1,000 tasks in one call. Celery enqueues only one by one.',
    columns: ['', 'one by one', `${WINDOW} in flight`, 'many'],
    rows: [...samples.keys()].map(peer => [titles[peer], cell(peer, 'one'), cell(peer, 'window'), cell(peer, 'many')])
  }
}

function bars (samples: Samples): Bar[] {
  if (!samples.has('ours') || !samples.has('bullmq')) return []
  const ratioToBull = (way: Way): number => ratio(ratesOf(samples, 'ours', way), ratesOf(samples, 'bullmq', way))
  return [
    atLeast(`enqueue/s in windows of ${WINDOW}: × BullMQ's add`, ratioToBull('window'), 2),
    atLeast('enqueueMany/s: × BullMQ\'s addBulk', ratioToBull('many'), 3)
  ]
}
