/** Holds what was promised against what the ledgers, the records and Redis' own log say. */
import { stallInterval, maxStalls } from './tasks.ts'
import type { History } from './aof.ts'
import type { ProcessRun } from './worker-fleet.ts'
import type { Fault } from './faults.ts'
import type { Execution } from './ledger.ts'
import type { Entry } from './producer.ts'
import type { TaskRecord } from '../lib/types.ts'

export interface Evidence {
  entries: Entry[]
  /** The status of each acknowledged task, as the API gives it. */
  records: Map<string, TaskRecord<any> | null>
  histories: Map<string, History>
  executions: Map<string, Execution[]>
  lives: ProcessRun[]
  faults: Fault[]
}

/** What one task is found to be. */
export interface Finding { entry: Entry, id: string, state: string, record: any, history: History | undefined, runs: Execution[] }

export interface Audit {
  findings: Finding[]
  lost: string[]
  stuck: string[]
  settledTwice: string[]
  /** Attempts that ran more than once. */
  repeated: { causes: string[], unexplained: string[] }
  /** Outcomes that are not what the task must come to. */
  wrong: string[]
  /** Tasks that did nothing wrong, and failed because their workers went away too often. */
  bystanders: string[]
  died: string[]
  hung: string[]
}

const ended = new Set(['succeeded', 'failed', 'cancelled', 'expired'])

export function audit (evidence: Evidence): Audit {
  const findings = evidence.entries.filter(entry => entry.acknowledgedAt !== null).map(entry => find(entry, evidence))
  const bystander = ({ entry, record, state }: Finding): boolean => entry.order.kind !== 'poisonous' && state === 'failed' && record.error.code === 'FST_TASKS_STALLED'
  return {
    findings,
    lost: findings.filter(one => one.state === 'lost').map(one => one.id),
    stuck: findings.filter(one => one.state !== 'lost' && !ended.has(one.state)).map(one => `${one.id} ${one.state}`),
    settledTwice: [...evidence.histories].filter(([, one]) => one.afterwards.length > 0).map(([id, one]) => `${id}: ${one.afterwards.join(', ')}`),
    repeated: explain(findings, evidence),
    wrong: findings.flatMap(one => bystander(one) || !ended.has(one.state) ? [] : wrongs(one, evidence).map(what => `${one.id} (${one.entry.order.kind}): ${what}`)),
    bystanders: findings.filter(bystander).map(one => `${one.id} (${one.entry.order.kind}): ${one.runs.map(run => `${run.life} ${run.how ?? 'cut off'}`).join(', ')}`),
    died: evidence.lives.filter(life => diedByItself(life, evidence)).map(life => `${life.name} code ${life.code} signal ${life.signal}`),
    hung: evidence.lives.filter(life => life.hung).map(life => life.name)
  }
}

function find (entry: Entry, { records, histories, executions }: Evidence): Finding {
  const id = entry.id!
  const history = histories.get(id)
  const runs = executions.get(id) ?? []
  const now = records.get(id)
  if (now) return { entry, id, state: now.state, record: now, history, runs }
  // Its resultTtl has passed.
  const past = history?.removed ? history.record : null
  // As it is written: the first attempt goes without saying.
  return { entry, id, state: past?.status ?? 'lost', record: past && { attempt: 1, ...past }, history, runs }
}

// Outcomes

function wrongs (finding: Finding, evidence: Evidence): string[] {
  const { entry, state, record, history, runs } = finding
  const found: string[] = []
  const expect = (holds: boolean, what: string): void => { if (!holds) found.push(what) }
  outcomes[entry.order.kind](finding, expect, evidence)
  if (state === 'succeeded') expect(runs.some(one => one.run === record.result?.run && one.how === 'ok'), `its result ${JSON.stringify(record.result)} is no run's`)
  if (history?.record) expect(history.record.status === state, `its record is ${state}, its last write ${history.record.status}`)
  if (entry.awaited) expect(entry.awaited.state === state && (state !== 'succeeded' || (entry.awaited.result as any)?.run === record.result.run), `its handle said ${JSON.stringify(entry.awaited)}`)
  else expect(!entry.order.awaited, 'its handle never gave a result')
  return found
}

type Expect = (holds: boolean, what: string) => void

function succeeds ({ state, record, entry }: Finding, expect: Expect): void {
  expect(state === 'succeeded', `is ${state} ${JSON.stringify(record.error)}`)
  expect(record.attempt === 1 + (entry.order.data.fails ?? 0), `counts ${record.attempt} attempts`)
}

const outcomes: Record<Entry['order']['kind'], (finding: Finding, expect: Expect, evidence: Evidence) => void> = {
  immediate: succeeds,
  slow: succeeds,
  retrying: succeeds,
  fleeting: succeeds,
  delayed (finding, expect) {
    succeeds(finding, expect)
    const due = Date.parse(finding.record.enqueuedAt) + finding.entry.order.options.delay!
    // A clock's tick.
    for (const run of finding.runs) expect(run.from >= due - 5, `ran ${due - run.from} ms early`)
  },
  failing ({ state, record }, expect) {
    expect(state === 'failed' && record.attempt === 2, `is ${state} after ${record.attempt} attempts`)
  },
  cancelled ({ entry, state, runs }, expect) {
    const { outcome, at } = entry.cancel ?? { outcome: 'none', at: 0 }
    expect(['cancelled', 'requested', 'finished'].includes(outcome), `cancel said ${outcome}`)
    expect(state === 'cancelled' || (state === 'succeeded' && outcome !== 'cancelled'), `is ${state}, and cancel said ${outcome}`)
    if (outcome === 'cancelled') expect(runs.every(one => one.from < at), 'started after it was cancelled')
  },
  expiring ({ state, record, runs }, expect, evidence) {
    expect(state === 'expired' || state === 'succeeded', `is ${state}`)
    if (state === 'succeeded') return
    // One that was started in time, and not to its end, may come too late for the next start.
    for (const run of runs) expect(causeOf(run, Date.parse(record.finishedAt), evidence) !== null, `expired, and was run by ${run.life}`)
  },
  poisonous ({ state, record, runs }, expect) {
    expect(state === 'failed' && record.error.code === 'FST_TASKS_STALLED', `is ${state} ${JSON.stringify(record.error)}`)
    expect(runs.length <= maxStalls + 1, `ran ${runs.length} times`)
  }
}

// Repetitions

/** Each start of an attempt that had been started before, and whether something befell the earlier one, or Redis. */
function explain (findings: Finding[], evidence: Evidence): Audit['repeated'] {
  const repeated: Audit['repeated'] = { causes: [], unexplained: [] }
  for (const { id, runs } of findings) {
    runs.forEach((run, i) => {
      const earlier = runs.slice(0, i).findLast(one => one.attempt === run.attempt)
      if (!earlier) return
      // Its own claim may be the older one, and its reply have come late.
      const cause = causeOf(earlier, run.from, evidence) ?? faultOn(run.life, earlier.from, run.from, evidence)
      if (cause) repeated.causes.push(cause)
      else repeated.unexplained.push(`${id} attempt ${run.attempt}: ${earlier.run} (${earlier.how ?? 'cut off'}) from ${earlier.from} to ${earlier.to}, ${run.run} from ${run.from}`)
    })
  }
  return repeated
}

/** What befell the worker of an execution, its connection, or Redis, before `until`. */
function causeOf ({ life: name, from }: Execution, until: number, evidence: Evidence): string | null {
  const life = lifeOf(name, evidence)
  if (life.told && life.told.at <= until) return life.told.signal
  if (life.to !== null && life.to <= until) return 'a task that ended its worker'
  // A lease that was not renewed lapses up to one interval after the fault.
  return faultOn(name, from - stallInterval, until, evidence)
}

const lifeOf = (name: string, { lives }: Evidence): ProcessRun => lives.find(one => one.name === name)!

/** What befell the connection of a worker, or Redis. */
function faultOn (name: string, from: number, until: number, evidence: Evidence): string | null {
  const { slot } = lifeOf(name, evidence)
  const fault = evidence.faults.find(one => !one.kind.startsWith('sig') && (one.slot === null || one.slot === slot) && one.from <= until && one.to >= from)
  return fault?.kind ?? null
}

/** A worker may end because it was told to, and because of a poisonous task; else, no fault is a reason. */
function diedByItself (life: ProcessRun, { entries, executions }: Evidence): boolean {
  if (life.to === null || life.told?.signal === 'SIGKILL') return false
  if (entries.some(({ id, order }) => order.kind === 'poisonous' && executions.get(id!)?.some(one => one.life === life.name))) return false
  // By a signal: before it could listen for SIGTERM, or because it was killed as well.
  return !life.told || (life.signal === null && life.code !== 0)
}
