/** Compares the guarantees with the evidence of a run: the ledgers, the task records and Redis' append-only file. */
import { isTerminal } from '../lib/records/task-record.ts'
import { stallInterval, maxStalls } from './tasks.ts'
import type { History } from './aof.ts'
import type { ProcessRun } from './worker-fleet.ts'
import type { Fault } from './faults.ts'
import type { Execution } from './ledger.ts'
import type { Entry } from './producer.ts'
import type { TaskRecord } from '../lib/types.ts'

export interface Evidence {
  entries: Entry[]
  /** The record of each acknowledged task, as the API returns it. */
  records: Map<string, TaskRecord<any> | null>
  histories: Map<string, History>
  executions: Map<string, Execution[]>
  processRuns: ProcessRun[]
  faults: Fault[]
}

/** The evidence about one task. */
export interface Finding {
  entry: Entry
  id: string
  state: string
  record: any
  history: History | undefined
  executions: Execution[]
}

export interface Audit {
  findings: Finding[]
  lost: string[]
  stuck: string[]
  settledTwice: string[]
  /** Attempts that were executed more than once. */
  repeated: { causes: string[], unexplained: string[] }
  /** Tasks with an outcome that differs from the planned outcome. */
  wrong: string[]
  /** Tasks that are not poisonous, but failed because their workers died too often. */
  failedStalled: string[]
  /** Workers that exited without a reason. */
  died: string[]
  /** Workers that did not exit after SIGTERM. */
  hung: string[]
}

export function audit (evidence: Evidence): Audit {
  const findings = evidence.entries
    .filter(entry => entry.acknowledgedAt !== null)
    .map(entry => toFinding(entry, evidence))
  const stuck = ({ state }: Finding): boolean => state !== 'lost' && !isTerminal(state)
  const died = evidence.processRuns.filter(processRun => exitedUnexpectedly(processRun, evidence))
  return {
    findings,
    lost: findings.filter(({ state }) => state === 'lost').map(({ id }) => id),
    stuck: findings.filter(stuck).map(({ id, state }) => `${id} ${state}`),
    settledTwice: [...evidence.histories]
      .filter(([, { lateWrites }]) => lateWrites.length > 0)
      .map(([id, { lateWrites }]) => `${id}: ${lateWrites.join(', ')}`),
    repeated: explain(findings, evidence),
    wrong: findings
      .filter(finding => isTerminal(finding.state) && !isFailedStalled(finding))
      .flatMap(finding => problemsOf(finding, evidence)
        .map(problem => `${finding.id} (${finding.entry.planned.kind}): ${problem}`)),
    failedStalled: findings.filter(isFailedStalled).map(showExecutions),
    died: died.map(({ name, code, signal }) => `${name} code ${code} signal ${signal}`),
    hung: evidence.processRuns.filter(({ hung }) => hung).map(({ name }) => name)
  }
}

function isFailedStalled ({ entry, record, state }: Finding): boolean {
  return entry.planned.kind !== 'poisonous' && state === 'failed' && record.error.code === 'FST_TASKS_STALLED'
}

function showExecutions ({ id, entry, executions }: Finding): string {
  const texts = executions.map(({ worker, outcome }) => `${worker} ${outcome ?? 'cut off'}`)
  return `${id} (${entry.planned.kind}): ${texts.join(', ')}`
}

function toFinding (entry: Entry, evidence: Evidence): Finding {
  const id = entry.id!
  const history = evidence.histories.get(id)
  const executions = evidence.executions.get(id) ?? []
  const current = evidence.records.get(id)
  if (current) return { entry, id, state: current.state, record: current, history, executions }
  // If it was removed after its resultTtl, the append-only file still has the record as stored: without `attempt: 1`.
  const removed = history?.removed ? history.record : null
  const record = removed && { attempt: 1, ...removed }
  return { entry, id, state: removed?.status ?? 'lost', record, history, executions }
}

// Outcomes

type Expect = (condition: boolean, problem: string) => void

function problemsOf (finding: Finding, evidence: Evidence): string[] {
  const { entry, state, record, history, executions } = finding
  const problems: string[] = []
  const expect: Expect = (condition, problem) => { if (!condition) problems.push(problem) }
  checks[entry.planned.kind](finding, expect, evidence)
  if (state === 'succeeded') {
    const succeeded = executions.some(({ run, outcome }) => run === record.result?.run && outcome === 'ok')
    expect(succeeded, `its result ${JSON.stringify(record.result)} belongs to no execution`)
  }
  if (history?.record) {
    expect(history.record.status === state, `its record is ${state}, its last write ${history.record.status}`)
  }
  if (entry.awaited) {
    const { state: awaitedState, result } = entry.awaited as { state: string, result: any }
    const same = awaitedState === state && (state !== 'succeeded' || result?.run === record.result.run)
    expect(same, `its handle returned ${JSON.stringify(entry.awaited)}`)
  } else {
    expect(!entry.planned.awaited, 'its handle returned no result')
  }
  return problems
}

function succeeds ({ state, record, entry }: Finding, expect: Expect): void {
  expect(state === 'succeeded', `is ${state} ${JSON.stringify(record.error)}`)
  expect(record.attempt === 1 + (entry.planned.data.fails ?? 0), `counts ${record.attempt} attempts`)
}

const checks: Record<Entry['planned']['kind'], (finding: Finding, expect: Expect, evidence: Evidence) => void> = {
  immediate: succeeds,
  slow: succeeds,
  retrying: succeeds,
  'short-lived': succeeds,
  delayed (finding, expect) {
    succeeds(finding, expect)
    const due = Date.parse(finding.record.enqueuedAt) + finding.entry.planned.options.delay!
    // 5 ms of tolerance for the clocks.
    for (const { from } of finding.executions) expect(from >= due - 5, `ran ${due - from} ms early`)
  },
  failing ({ state, record }, expect) {
    expect(state === 'failed' && record.attempt === 2, `is ${state} after ${record.attempt} attempts`)
  },
  cancelled ({ entry, state, executions }, expect) {
    const { outcome, at } = entry.cancel ?? { outcome: 'none', at: 0 }
    expect(['cancelled', 'requested', 'finished'].includes(outcome), `cancel returned ${outcome}`)
    const allowed = state === 'cancelled' || (state === 'succeeded' && outcome !== 'cancelled')
    expect(allowed, `is ${state}, and cancel returned ${outcome}`)
    if (outcome === 'cancelled') expect(executions.every(({ from }) => from < at), 'started after it was cancelled')
  },
  expiring ({ state, record, executions }, expect, evidence) {
    expect(state === 'expired' || state === 'succeeded', `is ${state}`)
    if (state === 'succeeded') return
    // A task that started in time may still expire: if a fault interrupted it, its next start may be too late.
    const finishedAt = Date.parse(record.finishedAt)
    for (const execution of executions) {
      expect(causeOf(execution, finishedAt, evidence) !== null, `expired, and was executed by ${execution.worker}`)
    }
  },
  poisonous ({ state, record, executions }, expect) {
    const stalled = state === 'failed' && record.error.code === 'FST_TASKS_STALLED'
    expect(stalled, `is ${state} ${JSON.stringify(record.error)}`)
    expect(executions.length <= maxStalls + 1, `ran ${executions.length} times`)
  }
}

// Repetitions

/** Looks for the cause of each repeated execution: a fault of the earlier worker, of its connection, or of Redis. */
function explain (findings: Finding[], evidence: Evidence): Audit['repeated'] {
  const repeated: Audit['repeated'] = { causes: [], unexplained: [] }
  for (const { id, executions } of findings) {
    executions.forEach((execution, i) => {
      const earlier = executions.slice(0, i).findLast(({ attempt }) => attempt === execution.attempt)
      if (!earlier) return
      // The later execution may have the older claim, if the reply to that claim was late.
      const cause = causeOf(earlier, execution.from, evidence) ??
        faultOn(execution.worker, earlier.from, execution.from, evidence)
      if (cause) repeated.causes.push(cause)
      else repeated.unexplained.push(showRepetition(id, earlier, execution))
    })
  }
  return repeated
}

function showRepetition (id: string, earlier: Execution, later: Execution): string {
  return `${id} attempt ${later.attempt}: ${earlier.run} (${earlier.outcome ?? 'cut off'}) ` +
    `from ${earlier.from} to ${earlier.to}, ${later.run} from ${later.from}`
}

/** The fault of an execution's worker or its connection, or of Redis, before `until`. */
function causeOf ({ worker, from }: Execution, until: number, evidence: Evidence): string | null {
  const processRun = processRunOf(worker, evidence)
  if (processRun.signalled && processRun.signalled.at <= until) return processRun.signalled.signal
  if (processRun.to !== null && processRun.to <= until) return 'a task that ended its worker'
  // A lease that was not renewed expires up to one interval after the fault.
  return faultOn(worker, from - stallInterval, until, evidence)
}

const processRunOf = (worker: string, { processRuns }: Evidence): ProcessRun =>
  processRuns.find(({ name }) => name === worker)!

/** The fault of a worker's connection, or of Redis. */
function faultOn (worker: string, from: number, until: number, evidence: Evidence): string | null {
  const { slot } = processRunOf(worker, evidence)
  const fault = evidence.faults.find(fault =>
    !fault.kind.startsWith('sig') && (fault.slot === null || fault.slot === slot) &&
    fault.from <= until && fault.to >= from)
  return fault?.kind ?? null
}

/** A signal and a poisonous task are the only reasons for a worker to exit. */
function exitedUnexpectedly (processRun: ProcessRun, { entries, executions }: Evidence): boolean {
  const { name, to, signalled, code, signal } = processRun
  if (to === null || signalled?.signal === 'SIGKILL') return false
  const poisoned = entries.some(({ id, planned }) =>
    planned.kind === 'poisonous' && executions.get(id!)?.some(({ worker }) => worker === name))
  if (poisoned) return false
  // After SIGTERM it may exit by a signal: before it could handle SIGTERM, or because it was killed too.
  return !signalled || (signal === null && code !== 0)
}
