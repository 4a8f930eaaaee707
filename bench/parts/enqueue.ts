/** Enqueued a second: one by one, in a window, many in one call. */
import { atLeast, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import { actorOf, inTurn, perSecond, present, type Outcome, type Size, type BenchContext } from '../context.ts'
import type { BenchProcess } from '../processes.ts'

const WINDOW = 500

type Way = 'one' | 'window' | 'many'
type Rates = Record<Way, number | null>
type Samples = Map<PeerName, Rates[]>

const amounts: Record<Size, { rounds: number, one: number, together: number }> = {
  full: { rounds: 5, one: 4_000, together: 20_000 },
  quick: { rounds: 2, one: 800, together: 6_000 },
  tiny: { rounds: 1, one: 100, together: 500 }
}

export async function enqueue (stage: BenchContext): Promise<Outcome> {
  const { rounds, one, together } = amounts[stage.size]
  const peers = present(stage, 'floor', 'ours', 'bee', 'bullmq', ...(stage.size === 'full' ? ['celery'] as const : []))
  const producers = new Map<PeerName, BenchProcess>()
  for (const peer of peers) producers.set(peer, await actorOf(stage, peer, 'producer'))
  const samples: Samples = await inTurn(peers, rounds, 1, async (peer, round) => {
    const rates: Rates = { one: null, window: null, many: null }
    for (const way of peer === 'celery' ? ['one'] as const : ['one', 'window', 'many'] as const) {
      await stage.redis.flush()
      const count = way === 'one' ? one : together
      rates[way] = perSecond(count, await producers.get(peer)!.call<number>(way, { count, ...(way === 'window' && { size: WINDOW }) }))
    }
    if (round >= 0) stage.say(`enqueue, round ${round + 1}: ${titles[peer]} ${Object.values(rates).map(rate => rate === null ? '–' : Math.round(rate)).join(', ')}/s`)
    return rates
  })
  return { tables: [table(samples)], bars: bars(samples) }
}

const of = (samples: Samples, peer: PeerName, way: Way): number[] => (samples.get(peer) ?? []).flatMap(rates => rates[way] ?? [])

function table (samples: Samples): Outcome['tables'][number] {
  const cell = (peer: PeerName, way: Way): number | null => {
    const rates = of(samples, peer, way)
    return rates.length > 0 ? Math.round(median(rates)) : null
  }
  return {
    title: 'Enqueued a second',
    note: 'Many: enqueueMany, saveAll, addBulk, LPUSH of 1,000 at once. Celery enqueues one by one only.',
    columns: ['', 'one by one', `${WINDOW} in flight`, 'many'],
    rows: [...samples.keys()].map(peer => [titles[peer], cell(peer, 'one'), cell(peer, 'window'), cell(peer, 'many')])
  }
}

function bars (samples: Samples): Bar[] {
  if (!samples.has('ours') || !samples.has('bullmq')) return []
  const against = (way: Way): number => ratio(of(samples, 'ours', way), of(samples, 'bullmq', way))
  return [
    atLeast(`enqueue/s in windows of ${WINDOW}: × BullMQ's add`, against('window'), 2),
    atLeast('enqueueMany/s: × BullMQ\'s addBulk', against('many'), 3)
  ]
}
