/**
 * Measures workflows: from the enqueue of a chord of no-op members to the end of its callback, with a waiting worker;
 * and as many plain tasks, from the enqueue of all to the end of the last.
 */
import { atLeast, atMost, type Bar } from '../bars.ts'
import { median, percentile, ratio } from '../stats.ts'
import {
  interleave, participating, peerPairs, waitForCount, type BenchContext, type Pair, type PartResult, type Size
} from '../context.ts'
import { titles, type PeerName } from '../peers/index.ts'

const CONCURRENCY = 100

type Kind = 'chord' | 'plain'
type Run = `${PeerName} ${Kind}`

const workloads: Record<Size, { rounds: number, members: number }> = {
  full: { rounds: 20, members: 1_000 },
  quick: { rounds: 3, members: 1_000 },
  tiny: { rounds: 1, members: 50 }
}

export async function flows (context: BenchContext): Promise<PartResult> {
  const { rounds, members } = workloads[context.size]
  const pairs = await peerPairs(context, participating(context, 'ours', 'bullmq'))
  const runs = [...pairs.keys()].flatMap((peer): Run[] => [`${peer} chord`, `${peer} plain`])
  const times = await interleave(runs, rounds, 1, async (run, round) => {
    const [peer, kind] = run.split(' ') as [PeerName, Kind]
    const ms = await measure(context, pairs.get(peer)!, kind, members)
    const title = round < 0 ? 'warm-up' : `round ${round + 1}`
    context.log(`flows, ${title}: ${titles[peer]}, ${kind} of ${members}: ${Math.round(ms)} ms`)
    return ms
  })
  return { tables: [table(times, members)], bars: bars(times, members) }
}

/** In ms. */
async function measure (
  { redis }: BenchContext, { producer, worker }: Pair, kind: Kind, members: number
): Promise<number> {
  await redis.flush()
  await worker.call('start', { concurrency: CONCURRENCY, target: members + 1 })
  const start = kind === 'chord'
    ? await producer.call<number>('chord', { members })
    : await producer.call<number>('begin', { count: members + 1 })
  const { end } = await waitForCount(worker, members + 1)
  await worker.call('stop')
  return end - start
}

function table (times: Map<Run, number[]>, members: number): PartResult['tables'][number] {
  return {
    title: `A chord of ${members.toLocaleString('en')} members, or as many plain tasks, concurrency ${CONCURRENCY}`,
    note: 'From the start of the enqueue to the end of the last handler, in a chord the callback. ' +
      'Plain: enqueueMany, addBulk.',
    columns: ['', 'ms, median', 'ms, p90'],
    rows: [...times].map(([run, list]) => {
      const [peer, kind] = run.split(' ') as [PeerName, Kind]
      return [`${titles[peer]}, ${kind}`, Math.round(median(list)), Math.round(percentile(list, 0.9))]
    })
  }
}

function bars (times: Map<Run, number[]>, members: number): Bar[] {
  const [ours, plain, bull] = [times.get('ours chord'), times.get('ours plain'), times.get('bullmq chord')]
  const name = `a chord of ${members.toLocaleString('en')}, enqueue to the end of its callback`
  return [
    ...ours && plain ? [atMost(`${name}: × as many plain tasks`, ratio(ours, plain), 2)] : [],
    ...ours && bull ? [atLeast(`${name}: as fast as BullMQ's FlowProducer`, ratio(bull, ours), 3)] : []
  ]
}
