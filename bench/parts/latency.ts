/** Start latency on an idle queue: from the call of the enqueue to the handler's first line, one at a time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, percentile, ratio } from '../stats.ts'
import { drained, inTurn, pairsOf, present, type Outcome, type Pair, type Size, type BenchContext } from '../context.ts'

const CONCURRENCY = 10
/** Between two, in ms: by then all is idle again. */
const PAUSE = 8
/** The first of each round, which find caches cold. */
const UNCOUNTED = 10

const amounts: Record<Size, { rounds: number, tasks: number }> = {
  full: { rounds: 5, tasks: 70 },
  quick: { rounds: 2, tasks: 45 },
  tiny: { rounds: 1, tasks: 20 }
}

export async function latency (stage: BenchContext): Promise<Outcome> {
  const { rounds, tasks } = amounts[stage.size]
  // No bar asks for the floor's, nor for Celery's, whose pool takes seconds to start.
  const peers = present(stage, 'floor', 'ours', 'bee', 'bullmq', 'celery').filter(peer => stage.size === 'full' || (peer !== 'floor' && peer !== 'celery'))
  const pairs = await pairsOf(stage, peers)
  const samples = await inTurn(peers, rounds, 0, async (peer, round) => {
    const latencies = await once(stage, pairs.get(peer)!, tasks)
    stage.say(`start latency, round ${round + 1}: ${titles[peer]} p50 ${median(latencies).toFixed(2)} ms`)
    return latencies
  })
  return { tables: [table(samples)], bars: bars(samples) }
}

async function once ({ redis }: BenchContext, { producer, worker }: Pair, tasks: number): Promise<number[]> {
  await redis.flush()
  await worker.call('start', { concurrency: CONCURRENCY, target: tasks, latencies: true })
  await sleep(200) // Until it waits for work. The first ones are not counted in any case.
  await producer.call('paced', { count: tasks, pause: PAUSE })
  const { latencies } = await drained(worker, tasks, 10_000)
  await worker.call('stop')
  return latencies.slice(UNCOUNTED)
}

function table (samples: Map<PeerName, number[][]>): Outcome['tables'][number] {
  return {
    title: 'Start latency on an idle queue, ms',
    columns: ['', 'p50', 'p99', 'samples'],
    rows: [...samples].map(([peer, rounds]) => {
      const all = rounds.flat()
      return [titles[peer], percentile(all, 0.5), percentile(all, 0.99), all.length]
    })
  }
}

function bars (samples: Map<PeerName, number[][]>): Bar[] {
  const medians = (peer: PeerName): number[] => (samples.get(peer) ?? []).map(median)
  const need = (peer: PeerName, bar: number): Bar[] => samples.has('ours') && samples.has(peer)
    ? [atMost(`start latency p50, idle queue: × ${titles[peer]}`, ratio(medians('ours'), medians(peer)), bar)]
    : []
  return [...need('bee', 1.1), ...need('bullmq', 1)]
}
