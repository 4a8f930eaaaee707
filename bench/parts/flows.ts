/**
 * Measures workflows: chords of no-op members, from the first enqueue to the end of the last callback, with a waiting
 * worker; and as many plain tasks, from the first enqueue to the end of the last.
 */
import { atLeast, atMost, type Bar } from '../bars.ts'
import { median, ratio } from '../stats.ts'
import {
  interleave, participating, peerPairs, waitForCount, type BenchContext, type Pair, type PartResult, type Size
} from '../context.ts'
import { titles, type PeerName } from '../peers/index.ts'

const CONCURRENCY = 100

/** Methods of ProducerRole. */
type Kind = 'chords' | 'plain'
type Run = `${PeerName} ${Kind}`

interface Workload { rounds: number, count: number, members: number }

const workloads: Record<Size, Workload> = {
  full: { rounds: 3, count: 20, members: 1_000 },
  quick: { rounds: 1, count: 5, members: 1_000 },
  tiny: { rounds: 1, count: 2, members: 50 }
}

export async function flows (context: BenchContext): Promise<PartResult> {
  const { rounds, ...workload } = workloads[context.size]
  const pairs = await peerPairs(context, participating(context, 'ours', 'bullmq'))
  const runs = [...pairs.keys()].flatMap((peer): Run[] => [`${peer} chords`, `${peer} plain`])
  const times = await interleave(runs, rounds, 1, async (run, round) => {
    const [peer, kind] = run.split(' ') as [PeerName, Kind]
    const ms = await measure(context, pairs.get(peer)!, kind, workload)
    const title = round < 0 ? 'warm-up' : `round ${round + 1}`
    context.log(`flows, ${title}: ${titles[peer]}, ${kind}: ${Math.round(ms)} ms`)
    return ms
  })
  const name = `${workload.count} chords of ${workload.members.toLocaleString('en')}`
  return { tables: [table(times, name)], bars: bars(times, name) }
}

/** In ms. */
async function measure (
  { redis }: BenchContext, { producer, worker }: Pair, kind: Kind, { count, members }: Omit<Workload, 'rounds'>
): Promise<number> {
  const target = count * (members + 1)
  await redis.flush()
  await worker.call('start', { concurrency: CONCURRENCY, target })
  const start = await producer.call<number>(kind, { count, members })
  const { end } = await waitForCount(worker, target)
  await worker.call('stop')
  return end - start
}

function table (times: Map<Run, number[]>, name: string): PartResult['tables'][number] {
  return {
    title: `${name} members, or as many plain tasks, concurrency ${CONCURRENCY}`,
    note: 'From the start of the enqueue to the end of the last handler: of chords, the last callback. ' +
      'Plain: enqueueMany, addBulk.',
    columns: ['', 'ms'],
    rows: [...times].map(([run, list]) => {
      const [peer, kind] = run.split(' ') as [PeerName, Kind]
      return [`${titles[peer]}, ${kind}`, Math.round(median(list))]
    })
  }
}

function bars (times: Map<Run, number[]>, name: string): Bar[] {
  const [ours, plain, bull] = [times.get('ours chords'), times.get('ours plain'), times.get('bullmq chords')]
  const title = `${name}, from enqueue to the last callback`
  return [
    ...ours && plain ? [atMost(`${title}: × as many plain tasks`, ratio(ours, plain), 2)] : [],
    ...ours && bull ? [atLeast(`${title}: as fast as BullMQ's FlowProducer`, ratio(bull, ours), 3)] : []
  ]
}
