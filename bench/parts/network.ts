/** Measures throughput over a slow network between worker and Redis: round trips must not add up. */
import { atLeast, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import {
  drain, interleave, peerPairs, participating, rateOf, type PartResult, type Pair, type Size, type BenchContext,
  type Table
} from '../context.ts'

const CONCURRENCY = 100
/** Ms added in each direction. */
const DELAYS = [1, 5]

/** Enough tasks for a second or more, because raw Bee-Queue fetches its first tasks one by one. */
const workloads: Record<Size, { rounds: number, tasks: Record<number, number> }> = {
  full: { rounds: 3, tasks: { 1: 12_000, 5: 5_000 } },
  quick: { rounds: 1, tasks: { 1: 4_000, 5: 1_500 } },
  tiny: { rounds: 1, tasks: { 1: 200, 5: 200 } }
}

interface Measured { delay: number, roundTrip: number, rates: Map<PeerName, number[]> }

export async function network (context: BenchContext): Promise<PartResult> {
  const { redis, processes, size } = context
  const peers = participating(context, 'ours', 'bee', ...(size === 'full' ? ['bullmq'] as const : []))
  const proxy = await processes.node('proxy', ['redis', String(redis.port)])
  const url = await proxy.call<string>('url')
  const pairs = await peerPairs(context, peers, url)
  const measured: Measured[] = []
  for (const delay of DELAYS) {
    await proxy.call('slow', { ms: delay })
    measured.push({ delay, roundTrip: await redis.roundTrip(url), rates: await rates(context, pairs, delay) })
  }
  // The workers end before their proxy does: otherwise they would try to reconnect for ever.
  await Promise.all([...pairs.values()].map(({ worker }) => worker.end()))
  await proxy.end()
  return { tables: measured.filter(({ rates }) => rates.size > 0).map(table), bars: measured.flatMap(bars) }
}

function rates (
  { redis, log, size }: BenchContext, pairs: Map<PeerName, Pair>, delay: number
): Promise<Map<PeerName, number[]>> {
  const { rounds, tasks } = workloads[size]
  return interleave([...pairs.keys()], rounds, delay === DELAYS[0] ? 1 : 0, async (peer, round) => {
    const { producer, worker } = pairs.get(peer)!
    const count = tasks[delay]!
    await redis.flush()
    await producer.call('many', { count })
    const rate = rateOf(await drain(worker, { concurrency: CONCURRENCY, target: count }), count)
    log(`network, ${delay} ms, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${titles[peer]} ${Math.round(rate)}/s`)
    return rate
  })
}

function table ({ delay, roundTrip, rates }: Measured): Table {
  return {
    title: `Processed a second, concurrency ${CONCURRENCY}, ${delay} ms added each way`,
    note: `A PING over this network took ${roundTrip.toFixed(1)} ms.`,
    columns: ['', 'processed/s'],
    rows: [...rates].map(([peer, list]) => [titles[peer], Math.round(median(list))])
  }
}

function bars ({ delay, rates }: Measured): Bar[] {
  const [ours, theirs] = [rates.get('ours'), rates.get('bee')]
  if (!ours || !theirs) return []
  const name = `processed/s, concurrency ${CONCURRENCY}, ${delay} ms added each way: × ${titles.bee}`
  return [atLeast(name, ratio(ours, theirs), 5)]
}
