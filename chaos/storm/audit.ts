/** Holds what was acknowledged against what is there at the end. */
import type { History } from '../aof.ts'
import type { Execution } from '../ledger.ts'
import type { Mark } from './marks.ts'
import type { Acknowledged } from './producer.ts'
import type { Fault } from './stages.ts'
import type { TaskRecord } from '../../lib/types.ts'

export interface Evidence {
  acknowledged: Acknowledged[]
  unexpected: string[]
  /** How many were to be enqueued. */
  ordered: number
  records: Map<string, TaskRecord<any> | null>
  /** Of each server that survived, and has all from the beginning. */
  histories: Array<Map<string, History>>
  executions: Map<string, Execution[]>
  marks: Mark[]
  faults: Fault[]
  /** Masters that were replaced, and not killed. */
  needless: number
}

export interface Verdict {
  /** Each must be empty. */
  must: Record<'not acknowledged' | 'lost' | 'settled twice' | 'stuck' | 'ended otherwise than they must' | 'errors that no app expects' | 'not witnessed' | 'masters replaced that were there', string[]>
  acknowledged: number
  /** Acknowledged right before their master was killed, and not known to be on a replica: Redis may lose them, and these it lost. */
  lostWithTheMaster: string[]
  atRisk: number
  refused: number
  ranMoreThanOnce: number
  /** From the kill of a master to the first start of a task in one of its queues, in ms. */
  recoveries: number[]
}

export function audit (evidence: Evidence): Verdict {
  const { acknowledged, records, unexpected, ordered, executions } = evidence
  const safe = new Set(acknowledged.filter(one => isSafe(one, evidence)).map(one => one.id))
  const gone = acknowledged.filter(({ id }) => !records.get(id)).map(({ id }) => id)
  const there = acknowledged.flatMap(({ id }) => records.get(id) ?? [])
  const ends = endsOf(evidence)
  return {
    must: {
      'not acknowledged': Array.from({ length: Math.max(0, ordered - acknowledged.length) }, () => 'one'),
      lost: gone.filter(id => safe.has(id)),
      'settled twice': [...ends].filter(([, count]) => count > 1).map(([id, count]) => `${id}: ${count} times`),
      stuck: there.filter(one => one.finishedAt === null).map(one => `${one.id} ${one.state} in ${one.queue}`),
      'ended otherwise than they must': there.filter(one => one.finishedAt !== null && one.state !== 'succeeded').map(one => `${one.id} ${one.state} ${JSON.stringify(one.error)}`),
      'errors that no app expects': unexpected,
      'not witnessed': there.filter(one => one.finishedAt !== null && !ends.has(one.id)).map(one => one.id),
      'masters replaced that were there': Array.from({ length: evidence.needless }, () => 'one')
    },
    acknowledged: acknowledged.length,
    lostWithTheMaster: gone.filter(id => !safe.has(id)),
    atRisk: acknowledged.length - safe.size,
    refused: acknowledged.reduce((sum, one) => sum + one.refusals, 0),
    ranMoreThanOnce: [...executions.values()].filter(runs => runs.some((run, i) => runs.slice(0, i).some(earlier => earlier.attempt === run.attempt))).length,
    recoveries: recoveries(evidence)
  }
}

/** Nothing was killed after it was acknowledged, or a mark between the two came to every follower. */
function isSafe ({ queue, at }: Acknowledged, { marks, faults }: Evidence): boolean {
  const kills = faults.filter(one => one.killed.includes(queue))
  if (kills.some(kill => at >= kill.from && at < kill.to)) return false // an answer of the old master may come late
  const next = kills.find(kill => kill.from > at)
  return !next || marks.some(mark => mark.queue === queue && mark.from > at && mark.to < next.from)
}

/** How many terminal records were written of each task. A queue that moved left its history on two servers. */
function endsOf ({ histories }: Evidence): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [id, { ends }] of histories.flatMap(one => [...one])) if (ends.length > 0) counts.set(id, (counts.get(id) ?? 0) + ends.length)
  return counts
}

function recoveries ({ acknowledged, executions, faults }: Evidence): number[] {
  const queues = new Map(acknowledged.map(one => [one.id, one.queue]))
  return faults.filter(one => one.killed.length > 0).map(kill => {
    const starts = [...executions].filter(([id]) => kill.killed.includes(queues.get(id) ?? '')).flatMap(([, runs]) => runs.map(run => run.from))
    return Math.min(...starts.filter(start => start >= kill.to)) - kill.from
  })
}

/** Of several storms, one verdict. */
export function sum (verdicts: Verdict[]): Verdict {
  const [first, ...others] = verdicts as [Verdict, ...Verdict[]]
  return others.reduce((all, one) => ({
    must: Object.fromEntries(Object.entries(all.must).map(([what, found]) => [what, [...found, ...one.must[what as keyof Verdict['must']]]])) as Verdict['must'],
    acknowledged: all.acknowledged + one.acknowledged,
    lostWithTheMaster: [...all.lostWithTheMaster, ...one.lostWithTheMaster],
    atRisk: all.atRisk + one.atRisk,
    refused: all.refused + one.refused,
    ranMoreThanOnce: all.ranMoreThanOnce + one.ranMoreThanOnce,
    recoveries: [...all.recoveries, ...one.recoveries]
  }), first)
}
