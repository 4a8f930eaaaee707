/** Compares the acknowledged tasks of a run with the tasks that the servers have at its end. */
import type { History } from '../aof.ts'
import type { Execution } from '../ledger.ts'
import type { Mark } from './marks.ts'
import type { Acknowledged } from './producer.ts'
import type { Fault } from './servers.ts'
import type { TaskRecord } from '../../lib/types.ts'

export interface Evidence {
  acknowledged: Acknowledged[]
  unexpected: string[]
  /** Number of tasks that the producers should have enqueued. */
  planned: number
  records: Map<string, TaskRecord<any> | null>
  /** The histories of the servers that survived with their whole append-only files. */
  histories: Array<Map<string, History>>
  executions: Map<string, Execution[]>
  marks: Mark[]
  faults: Fault[]
  /** Number of masters that were replaced without having been killed. */
  unplannedFailovers: number
}

export type Problem =
  'not acknowledged' |
  'lost' |
  'settled twice' |
  'stuck' |
  'wrong outcome' |
  'unexpected errors of calls' |
  'missing from the append-only files' |
  'masters replaced without a kill'

export interface AuditResult {
  /** Each list must be empty. */
  problems: Record<Problem, string[]>
  acknowledged: number
  /** Lost tasks of the tasks at risk. Redis may lose them: it replicates after it answers. */
  lostWithTheMaster: string[]
  /** Number of tasks that were acknowledged right before their master was killed, and not known to be on a replica. */
  atRisk: number
  refused: number
  ranMoreThanOnce: number
  /** Ms from the kill of a master to the first start of a task in one of its queues. */
  recoveries: number[]
}

export function audit (evidence: Evidence): AuditResult {
  const { acknowledged, records, unexpected, planned, executions } = evidence
  const safe = new Set(acknowledged.filter(task => isSafe(task, evidence)).map(({ id }) => id))
  const missing = acknowledged.filter(({ id }) => !records.get(id)).map(({ id }) => id)
  const found = acknowledged.flatMap(({ id }) => records.get(id) ?? [])
  const finished = found.filter(({ finishedAt }) => finishedAt !== null)
  const counts = settlementCounts(evidence)
  return {
    problems: {
      'not acknowledged': Array.from({ length: Math.max(0, planned - acknowledged.length) }, () => 'one'),
      lost: missing.filter(id => safe.has(id)),
      'settled twice': [...counts].filter(([, count]) => count > 1).map(([id, count]) => `${id}: ${count} times`),
      stuck: found
        .filter(({ finishedAt }) => finishedAt === null)
        .map(({ id, state, queue }) => `${id} ${state} in ${queue}`),
      'wrong outcome': finished
        .filter(({ state }) => state !== 'succeeded')
        .map(({ id, state, error }) => `${id} ${state} ${JSON.stringify(error)}`),
      'unexpected errors of calls': unexpected,
      'missing from the append-only files': finished.filter(({ id }) => !counts.has(id)).map(({ id }) => id),
      'masters replaced without a kill': Array.from({ length: evidence.unplannedFailovers }, () => 'one')
    },
    acknowledged: acknowledged.length,
    lostWithTheMaster: missing.filter(id => !safe.has(id)),
    atRisk: acknowledged.length - safe.size,
    refused: acknowledged.reduce((sum, { refusals }) => sum + refusals, 0),
    ranMoreThanOnce: [...executions.values()].filter(hasRepeatedAttempt).length,
    recoveries: recoveries(evidence)
  }
}

function hasRepeatedAttempt (executions: Execution[]): boolean {
  return executions.some(({ attempt }, i) => executions.slice(0, i).some(earlier => earlier.attempt === attempt))
}

/** Whether no master of its queue was killed later, or a mark between the two was on every replica. */
function isSafe ({ queue, at }: Acknowledged, { marks, faults }: Evidence): boolean {
  const kills = faults.filter(({ killed }) => killed.includes(queue))
  if (kills.some(kill => at >= kill.from && at < kill.to)) return false // may be a late answer of the old master
  const next = kills.find(kill => kill.from > at)
  return !next || marks.some(mark => mark.queue === queue && mark.from > at && mark.to < next.from)
}

/** Number of terminal records that were written of each task. A queue that moved has its history on two servers. */
function settlementCounts ({ histories }: Evidence): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [id, { terminalStates }] of histories.flatMap(history => [...history])) {
    if (terminalStates.length > 0) counts.set(id, (counts.get(id) ?? 0) + terminalStates.length)
  }
  return counts
}

function recoveries ({ acknowledged, executions, faults }: Evidence): number[] {
  const queues = new Map(acknowledged.map(({ id, queue }) => [id, queue]))
  return faults.filter(({ killed }) => killed.length > 0).map(kill => {
    const starts = [...executions]
      .filter(([id]) => kill.killed.includes(queues.get(id) ?? ''))
      .flatMap(([, taskExecutions]) => taskExecutions.map(({ from }) => from))
    return Math.min(...starts.filter(start => start >= kill.to)) - kill.from
  })
}

/** Adds up the results of several runs. */
export function sum (results: AuditResult[]): AuditResult {
  const [first, ...others] = results as [AuditResult, ...AuditResult[]]
  return others.reduce((total, result) => ({
    problems: addProblems(total.problems, result.problems),
    acknowledged: total.acknowledged + result.acknowledged,
    lostWithTheMaster: [...total.lostWithTheMaster, ...result.lostWithTheMaster],
    atRisk: total.atRisk + result.atRisk,
    refused: total.refused + result.refused,
    ranMoreThanOnce: total.ranMoreThanOnce + result.ranMoreThanOnce,
    recoveries: [...total.recoveries, ...result.recoveries]
  }), first)
}

function addProblems (a: AuditResult['problems'], b: AuditResult['problems']): AuditResult['problems'] {
  const entries = Object.entries(a).map(([problem, texts]) => [problem, [...texts, ...b[problem as Problem]]])
  return Object.fromEntries(entries) as AuditResult['problems']
}
