/** Measures the time until all of many delayed tasks have started that are due in the same ms. */
import { atMost, type Bar } from '../bars.ts'
import { now } from '../clock.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import {
  waitForCount, interleave, peerPairs, participating, type PartResult, type Pair, type Size, type BenchContext
} from '../context.ts'

const CONCURRENCY = 100
const TRIES = 4
/** Allowed difference between Date.now() and the shared clock. */
const CLOCK_TOLERANCE_MS = 2

/** @property lead ms from the start of the enqueue until the tasks are due; all must be in Redis by then */
const workloads: Record<Size, { rounds: number, tasks: number, lead: number }> = {
  full: { rounds: 5, tasks: 10_000, lead: 2_500 },
  quick: { rounds: 1, tasks: 10_000, lead: 1_200 },
  tiny: { rounds: 1, tasks: 100, lead: 400 }
}

export async function delayed (context: BenchContext): Promise<PartResult> {
  const { rounds, tasks, lead } = workloads[context.size]
  const peers = participating(context, 'ours', 'bee')
  const pairs = await peerPairs(context, peers)
  const times = await interleave(peers, rounds, context.size === 'full' ? 1 : 0, async (peer, round) => {
    const ms = await measure(context, pairs.get(peer)!, tasks, lead)
    context.log(`delayed, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${titles[peer]} ${ms.toFixed(0)} ms`)
    return ms
  })
  return { tables: peers.length > 0 ? [table(times, tasks)] : [], bars: bars(times, tasks) }
}

/** Tries again with twice the lead if it was too short for this machine. */
async function measure (context: BenchContext, pair: Pair, tasks: number, lead: number): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const ms = await tryOnce(context, pair, tasks, lead * 2 ** tries)
    if (ms !== null) return ms
  }
  throw new Error(`${tasks} delayed tasks were not enqueued within ${lead * 2 ** (TRIES - 1)} ms`)
}

/** Ms from the due time to the last start. Null if not all tasks were in Redis before they were due. */
async function tryOnce (
  { redis }: BenchContext, { producer, worker }: Pair, tasks: number, lead: number
): Promise<number | null> {
  await redis.flush()
  await worker.call('start', { concurrency: CONCURRENCY, target: tasks, delayed: true })
  const due = Date.now() + lead
  const dueOnClock = now() + due - Date.now()
  await producer.call('many', { count: tasks, delayUntil: due })
  const inTime = now() < dueOnClock
  const { firstStart, lastStart } = await waitForCount(worker, tasks)
  await worker.call('stop')
  if (firstStart < dueOnClock - CLOCK_TOLERANCE_MS) throw new Error('a delayed task started early')
  return inTime ? lastStart - dueOnClock : null
}

function table (times: Map<PeerName, number[]>, tasks: number): PartResult['tables'][number] {
  return {
    title: `${tasks.toLocaleString('en-US')} delayed tasks, due in one ms, concurrency ${CONCURRENCY}`,
    columns: ['', 'all started after, ms'],
    rows: [...times].map(([peer, list]) => [titles[peer], Math.round(median(list))])
  }
}

function bars (times: Map<PeerName, number[]>, tasks: number): Bar[] {
  const [ours, theirs] = [times.get('ours'), times.get('bee')]
  if (!ours || !theirs) return []
  const count = tasks.toLocaleString('en-US')
  const name = `${count} delayed tasks due in one ms, all started: × the time of ${titles.bee}`
  return [atMost(name, ratio(ours, theirs), 0.5)]
}
