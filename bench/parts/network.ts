/** Throughput with a longer way between worker and Redis: round trips must not add up. */
import { atLeast, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import { drain, inTurn, pairsOf, present, rateOf, type Outcome, type Pair, type Size, type BenchContext, type Table } from '../context.ts'

const CONCURRENCY = 100
/** Added each way, in ms. */
const DELAYS = [1, 5]

/** Enough that the first round trips, in which raw Bee-Queue fetches its tasks one by one, hardly count: a second or more. */
const amounts: Record<Size, { rounds: number, tasks: Record<number, number> }> = {
  full: { rounds: 3, tasks: { 1: 12_000, 5: 5_000 } },
  quick: { rounds: 1, tasks: { 1: 4_000, 5: 1_500 } },
  tiny: { rounds: 1, tasks: { 1: 200, 5: 200 } }
}

interface Measured { delay: number, roundTrip: number, rates: Map<PeerName, number[]> }

export async function network (stage: BenchContext): Promise<Outcome> {
  const { redis, processes, size } = stage
  const peers = present(stage, 'ours', 'bee', ...(size === 'full' ? ['bullmq'] as const : []))
  const proxy = await processes.node('proxy', ['redis', String(redis.port)])
  const url = await proxy.call<string>('url')
  const pairs = await pairsOf(stage, peers, url)
  const measured: Measured[] = []
  for (const delay of DELAYS) {
    await proxy.call('slow', { ms: delay })
    measured.push({ delay, roundTrip: await redis.roundTrip(url), rates: await rates(stage, pairs, delay) })
  }
  // Those that worked through the proxy end before it does: they would dial for ever.
  await Promise.all([...pairs.values()].map(({ worker }) => worker.end()))
  await proxy.end()
  return { tables: measured.filter(({ rates }) => rates.size > 0).map(table), bars: measured.flatMap(bars) }
}

function rates ({ redis, say, size }: BenchContext, pairs: Map<PeerName, Pair>, delay: number): Promise<Map<PeerName, number[]>> {
  const { rounds, tasks } = amounts[size]
  return inTurn([...pairs.keys()], rounds, delay === DELAYS[0] ? 1 : 0, async (peer, round) => {
    const { producer, worker } = pairs.get(peer)!
    const count = tasks[delay]!
    await redis.flush()
    await producer.call('many', { count })
    const rate = rateOf(await drain(worker, { concurrency: CONCURRENCY, target: count }), count)
    say(`network, ${delay} ms, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${titles[peer]} ${Math.round(rate)}/s`)
    return rate
  })
}

function table ({ delay, roundTrip, rates }: Measured): Table {
  return {
    title: `Processed a second, concurrency ${CONCURRENCY}, ${delay} ms added each way`,
    note: `A PING over this way took ${roundTrip.toFixed(1)} ms.`,
    columns: ['', 'processed/s'],
    rows: [...rates].map(([peer, list]) => [titles[peer], Math.round(median(list))])
  }
}

function bars ({ delay, rates }: Measured): Bar[] {
  const [ours, theirs] = [rates.get('ours'), rates.get('bee')]
  return ours && theirs ? [atLeast(`processed/s, concurrency ${CONCURRENCY}, ${delay} ms added each way: × ${titles.bee}`, ratio(ours, theirs), 5)] : []
}
