/** Many delayed tasks that are due in the same ms: how long until all have started. */
import { atMost, type Bar } from '../bars.ts'
import { now } from '../clock.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import { drained, inTurn, pairsOf, present, type Outcome, type Pair, type Size, type BenchContext } from '../context.ts'

const CONCURRENCY = 100
const TRIES = 4
/** Ms by which the clocks of the day and of the processes may differ. */
const CLOCKS = 2

/** @property lead ms from the begin of the enqueue until they are due: by then all must be in Redis */
const amounts: Record<Size, { rounds: number, tasks: number, lead: number }> = {
  full: { rounds: 5, tasks: 10_000, lead: 2_500 },
  quick: { rounds: 1, tasks: 10_000, lead: 1_200 },
  tiny: { rounds: 1, tasks: 100, lead: 400 }
}

export async function delayed (stage: BenchContext): Promise<Outcome> {
  const { rounds, tasks, lead } = amounts[stage.size]
  const peers = present(stage, 'ours', 'bee')
  const pairs = await pairsOf(stage, peers)
  const times = await inTurn(peers, rounds, stage.size === 'full' ? 1 : 0, async (peer, round) => {
    const ms = await once(stage, pairs.get(peer)!, tasks, lead)
    stage.say(`delayed, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${titles[peer]} ${ms.toFixed(0)} ms`)
    return ms
  })
  return { tables: peers.length > 0 ? [table(times, tasks)] : [], bars: bars(times, tasks) }
}

/** @param lead where it was too short for this machine, it is tried again with twice as long */
async function once (stage: BenchContext, pair: Pair, tasks: number, lead: number): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const ms = await attempt(stage, pair, tasks, lead * 2 ** tries)
    if (ms !== null) return ms
  }
  throw new Error(`${tasks} delayed tasks were not enqueued within ${lead * 2 ** (TRIES - 1)} ms`)
}

/** Null where not all were in Redis before they were due. */
async function attempt ({ redis }: BenchContext, { producer, worker }: Pair, tasks: number, lead: number): Promise<number | null> {
  await redis.flush()
  await worker.call('start', { concurrency: CONCURRENCY, target: tasks, delayed: true })
  const due = Date.now() + lead
  const dueOnClock = now() + due - Date.now()
  await producer.call('many', { count: tasks, delayUntil: due })
  const inTime = now() < dueOnClock
  const { firstStart, lastStart } = await drained(worker, tasks)
  await worker.call('stop')
  if (firstStart < dueOnClock - CLOCKS) throw new Error('a delayed task started early')
  return inTime ? lastStart - dueOnClock : null
}

function table (times: Map<PeerName, number[]>, tasks: number): Outcome['tables'][number] {
  return {
    title: `${tasks.toLocaleString('en-US')} delayed tasks, due in one ms, concurrency ${CONCURRENCY}`,
    columns: ['', 'all started after, ms'],
    rows: [...times].map(([peer, list]) => [titles[peer], Math.round(median(list))])
  }
}

function bars (times: Map<PeerName, number[]>, tasks: number): Bar[] {
  const [ours, theirs] = [times.get('ours'), times.get('bee')]
  return ours && theirs ? [atMost(`${tasks.toLocaleString('en-US')} delayed tasks due in one ms, all started: × the time of ${titles.bee}`, ratio(ours, theirs), 0.5)] : []
}
