/** The figures, as a table, and the verdict. */
import type { Audit } from './audit.ts'
import type { ProcessRun } from './worker-fleet.ts'
import type { Fault, FaultKind } from './faults.ts'
import type { Producer } from './producer.ts'
import type { Recovery } from './recovery.ts'

export interface Run {
  producer: Producer
  audit: Audit
  recovery: Recovery
  lives: ProcessRun[]
  faults: Fault[]
  leftOver: string[]
  seconds: number
}

interface Row { label: string, value: string | number, problems?: string[], shown?: string[] }

/** Of each thing that needs a look, this many are shown. */
const EXAMPLES = 5

const count = <T>(list: T[], test: (one: T) => boolean): number => list.filter(test).length

function tally (words: string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort().map(([word, n]) => `${n} ${word}`).join(', ')
}

const longest = (times: number[]): string => times.length === 0 ? 'none' : `${Math.max(...times)} ms (of ${times.length})`

/** In units of what happened, not of the links that it happened to. */
function happened (faults: Fault[], kind: FaultKind): number { return new Set(faults.filter(one => one.kind === kind).map(one => one.from)).size }

/** How long workers took to end once they were told, where nobody killed them meanwhile. */
function closes (lives: ProcessRun[]): number[] {
  return lives.flatMap(({ told, to, signal }) => told?.signal === 'SIGTERM' && to !== null && signal === null ? to - told.at : [])
}

function rows ({ producer, audit, recovery, lives, faults, leftOver, seconds }: Run): Row[] {
  const { entries, unexpected, slowest } = producer
  const acknowledged = count(entries, one => one.acknowledgedAt !== null)
  const must = (label: string, problems: string[]): Row => ({ label, value: problems.length, problems })
  return [
    { label: 'enqueued', value: tally(entries.map(one => one.order.kind)) },
    { label: 'acknowledged', value: `${acknowledged} of ${entries.length}; ${entries.reduce((sum, one) => sum + one.refusals, 0)} calls were refused and made again`, problems: entries.filter(one => one.acknowledgedAt === null).map(one => `${one.id} was not`) },
    { label: 'settled', value: tally(audit.findings.map(one => one.state)) },
    must('lost', audit.lost),
    must('settled twice', audit.settledTwice),
    must('stuck', audit.stuck),
    must('ended otherwise than they must', audit.wrong),
    { label: 'run more than once, by a fault', value: `${audit.repeated.causes.length}: ${tally(audit.repeated.causes)}` },
    must('run more than once, no fault', audit.repeated.unexplained),
    { label: 'innocent, failed as stalled', value: audit.bystanders.length, shown: audit.bystanders },
    must('keys left over', leftOver),
    { label: 'workers ended', value: `${happened(faults, 'sigkill')} SIGKILL, ${happened(faults, 'sigterm')} SIGTERM, ${count(lives, one => !one.told && one.to !== null)} by a task` },
    must('workers that ended of themselves', audit.died),
    must('workers that SIGTERM did not end', audit.hung),
    { label: 'Redis', value: `${happened(faults, 'restart')} restarts, ${happened(faults, 'pause')} pauses, ${happened(faults, 'full')} times full` },
    { label: 'connections', value: `${happened(faults, 'cut')} cut, ${happened(faults, 'lost-reply')} replies lost, ${happened(faults, 'stall')} stalled, ${happened(faults, 'slow')} slowed; ${happened(faults, 'freeze')} workers frozen` },
    must('errors that no app expects', unexpected),
    { label: 'longest enqueue call', value: `${slowest} ms` },
    { label: 'longest recovery of Redis', value: longest(recovery.restarts) },
    { label: 'longest until a killed task ran again', value: `${longest(recovery.undisturbed)}; with Redis or connections away meanwhile ${longest(recovery.disturbed)}` },
    { label: 'longest close of a worker', value: longest(closes(lives)) },
    { label: 'time', value: `${seconds.toFixed(1)} s` }
  ]
}

/** Prints all of it; what failed. */
export function report (run: Run): string[] {
  const table = rows(run)
  const failed = table.filter(row => row.problems && row.problems.length > 0)
  for (const { label, problems, shown = problems } of table) {
    if (!shown?.length) continue
    console.log(`\n${label}:`)
    for (const one of shown.slice(0, EXAMPLES)) console.log(`  ${one}`)
  }
  const width = Math.max(...table.map(row => row.label.length))
  console.log()
  for (const { label, value, problems } of table) console.log(`${label.padEnd(width)}  ${value}${problems && typeof value === 'number' ? ' (must be 0)' : ''}`)
  return failed.map(row => `${row.problems!.length} ${row.label}`)
}
