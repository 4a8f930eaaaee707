/** Prints the figures of a run as a table, and returns the failures. */
import type { Audit } from './audit.ts'
import type { ProcessRun } from './worker-fleet.ts'
import type { Fault, FaultKind } from './faults.ts'
import type { Producer } from './producer.ts'
import type { Recovery } from './recovery.ts'

export interface Run {
  producer: Producer
  audit: Audit
  recovery: Recovery
  processRuns: ProcessRun[]
  faults: Fault[]
  leftOver: string[]
  seconds: number
}

/** @property problems fail the run @property shown examples to print. Default: the problems */
interface Row { label: string, value: string | number, problems?: string[], shown?: string[] }

/** Number of examples that are printed of each kind of problem. */
const EXAMPLES = 5

const count = <T>(list: T[], test: (item: T) => boolean): number => list.filter(test).length

function tally (words: string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort().map(([word, n]) => `${n} ${word}`).join(', ')
}

const longest = (times: number[]): string =>
  times.length === 0 ? 'none' : `${Math.max(...times)} ms (of ${times.length})`

/** Number of faults of a kind. A fault of several connections counts once. */
function countFaults (faults: Fault[], kind: FaultKind): number {
  return new Set(faults.filter(fault => fault.kind === kind).map(fault => fault.from)).size
}

/** Ms from SIGTERM to the exit of each worker that was not killed meanwhile. */
function closeTimes (processRuns: ProcessRun[]): number[] {
  return processRuns.flatMap(({ signalled, to, signal }) =>
    signalled?.signal === 'SIGTERM' && to !== null && signal === null ? to - signalled.at : [])
}

const mustBeEmpty = (label: string, problems: string[]): Row => ({ label, value: problems.length, problems })

function taskRows ({ producer: { entries }, audit, leftOver }: Run): Row[] {
  const acknowledged = count(entries, entry => entry.acknowledgedAt !== null)
  const refusals = entries.reduce((sum, entry) => sum + entry.refusals, 0)
  const missing = entries.filter(entry => entry.acknowledgedAt === null)
  return [
    { label: 'enqueued', value: tally(entries.map(({ planned }) => planned.kind)) },
    {
      label: 'acknowledged',
      value: `${acknowledged} of ${entries.length}; ${refusals} calls were refused and repeated`,
      problems: missing.map(({ id }) => `${id} was not`)
    },
    { label: 'settled', value: tally(audit.findings.map(({ state }) => state)) },
    mustBeEmpty('lost', audit.lost),
    mustBeEmpty('settled twice', audit.settledTwice),
    mustBeEmpty('stuck', audit.stuck),
    mustBeEmpty('wrong outcome', audit.wrong),
    {
      label: 'run more than once, by a fault',
      value: `${audit.repeated.causes.length}: ${tally(audit.repeated.causes)}`
    },
    mustBeEmpty('run more than once, no fault', audit.repeated.unexplained),
    { label: 'failed as stalled, not poisonous', value: audit.failedStalled.length, shown: audit.failedStalled },
    mustBeEmpty('keys left over', leftOver)
  ]
}

function faultRows ({ audit, processRuns, faults }: Run): Row[] {
  const number = (kind: FaultKind): number => countFaults(faults, kind)
  const crashed = count(processRuns, ({ signalled, to }) => !signalled && to !== null)
  return [
    {
      label: 'workers ended',
      value: `${number('sigkill')} by SIGKILL, ${number('sigterm')} by SIGTERM, ${crashed} by a task`
    },
    mustBeEmpty('workers that exited without a reason', audit.died),
    mustBeEmpty('workers that did not exit after SIGTERM', audit.hung),
    {
      label: 'Redis',
      value: `${number('restart')} restarts, ${number('pause')} pauses, ${number('full')} times full`
    },
    {
      label: 'connections',
      value: `${number('cut')} cut, ${number('lost-reply')} replies lost, ${number('stall')} stalled, ` +
        `${number('slow')} slowed; ${number('freeze')} workers frozen`
    }
  ]
}

function timeRows ({ producer: { unexpected, slowest }, recovery, processRuns, seconds }: Run): Row[] {
  const { restarts, undisturbed, disturbed } = recovery
  return [
    mustBeEmpty('unexpected errors of calls', unexpected),
    { label: 'longest enqueue call', value: `${slowest} ms` },
    { label: 'longest recovery of Redis', value: longest(restarts) },
    {
      label: 'longest until a killed task ran again',
      value: `${longest(undisturbed)}; with a fault of Redis or connections meanwhile ${longest(disturbed)}`
    },
    { label: 'longest close of a worker', value: longest(closeTimes(processRuns)) },
    { label: 'time', value: `${seconds.toFixed(1)} s` }
  ]
}

/** Prints the table and examples of problems. Returns a text for each kind of problem: none if the run passed. */
export function report (run: Run): string[] {
  const rows = [...taskRows(run), ...faultRows(run), ...timeRows(run)]
  for (const { label, problems, shown = problems } of rows) {
    if (!shown?.length) continue
    console.log(`\n${label}:`)
    for (const text of shown.slice(0, EXAMPLES)) console.log(`  ${text}`)
  }
  const width = Math.max(...rows.map(({ label }) => label.length))
  console.log()
  for (const { label, value, problems } of rows) {
    console.log(`${label.padEnd(width)}  ${value}${problems && typeof value === 'number' ? ' (must be 0)' : ''}`)
  }
  return rows.flatMap(({ label, problems = [] }) => problems.length > 0 ? `${problems.length} ${label}` : [])
}
