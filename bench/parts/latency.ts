/** Measures start latency on an idle queue: from the enqueue call to the handler's first line, one task at a time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, percentile, ratio } from '../stats.ts'
import {
  waitForCount, interleave, peerPairs, participating, type PartResult, type Pair, type Size, type BenchContext
} from '../context.ts'

const CONCURRENCY = 10
/** Ms between two tasks, so that queue and worker are idle again. */
const PAUSE = 8
/** The first tasks of each round are not counted, because caches are cold. */
const UNCOUNTED = 10

const workloads: Record<Size, { rounds: number, tasks: number }> = {
  full: { rounds: 5, tasks: 70 },
  quick: { rounds: 2, tasks: 45 },
  tiny: { rounds: 1, tasks: 20 }
}

export async function latency (context: BenchContext): Promise<PartResult> {
  const { rounds, tasks } = workloads[context.size]
  // No bar compares with the floor or Celery, and Celery's pool takes seconds to start.
  const peers = participating(context, 'floor', 'ours', 'bee', 'bullmq', 'celery')
    .filter(peer => context.size === 'full' || (peer !== 'floor' && peer !== 'celery'))
  const pairs = await peerPairs(context, peers)
  const samples = await interleave(peers, rounds, 0, async (peer, round) => {
    const latencies = await measure(context, pairs.get(peer)!, tasks)
    context.log(`start latency, round ${round + 1}: ${titles[peer]} p50 ${median(latencies).toFixed(2)} ms`)
    return latencies
  })
  return { tables: [table(samples)], bars: bars(samples) }
}

async function measure ({ redis }: BenchContext, { producer, worker }: Pair, tasks: number): Promise<number[]> {
  await redis.flush()
  await worker.call('start', { concurrency: CONCURRENCY, target: tasks, latencies: true })
  await sleep(200) // until the worker waits for work; the first tasks are not counted in any case
  await producer.call('paced', { count: tasks, pause: PAUSE })
  const { latencies } = await waitForCount(worker, tasks, 10_000)
  await worker.call('stop')
  return latencies.slice(UNCOUNTED)
}

function table (samples: Map<PeerName, number[][]>): PartResult['tables'][number] {
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
  const barFor = (peer: PeerName, bar: number): Bar[] => samples.has('ours') && samples.has(peer)
    ? [atMost(`start latency p50, idle queue: × ${titles[peer]}`, ratio(medians('ours'), medians(peer)), bar)]
    : []
  return [...barFor('bee', 1.1), ...barFor('bullmq', 1)]
}
