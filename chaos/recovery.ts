/** Measures how long recovery took, after outages of Redis and after deaths of workers. */
import type { ProcessRun } from './worker-fleet.ts'
import type { Fault } from './faults.ts'
import type { Execution } from './ledger.ts'

export interface Recovery {
  /** Ms from the end of an outage of Redis to the first task that finished. */
  restarts: number[]
  /** Ms from the death of a worker to the next execution of its task, without another fault meanwhile. */
  undisturbed: number[]
  /** The same, if Redis or a connection had a fault meanwhile. */
  disturbed: number[]
}

export function recovery (
  faults: Fault[], settledAt: number[], processRuns: ProcessRun[], executions: Map<string, Execution[]>
): Recovery {
  const outages = faults.filter(fault => fault.slot === null)
  const times: Recovery = { restarts: [], undisturbed: [], disturbed: [] }
  for (const { to } of outages) {
    const first = settledAt.find(time => time >= to)
    const next = outages.find(outage => outage.from >= to)
    // Not measured if the next outage began before a task finished.
    if (first !== undefined && !(next && next.from < first)) times.restarts.push(first - to)
  }
  const slots = new Map(processRuns.map(processRun => [processRun.name, processRun.slot]))
  for (const { diedAt, restartedAt, worker } of reruns(processRuns, executions)) {
    const isDisturbed = faults.some(fault =>
      (fault.slot === null || fault.slot === slots.get(worker)) && fault.from <= restartedAt && fault.to >= diedAt)
    times[isDisturbed ? 'disturbed' : 'undisturbed'].push(restartedAt - diedAt)
  }
  return times
}

/** @property worker the worker that executed the task next */
interface Rerun { diedAt: number, restartedAt: number, worker: string }

/** Finds the executions that ended with the death of their worker, and the next start of each task. */
function * reruns (processRuns: ProcessRun[], executions: Map<string, Execution[]>): Generator<Rerun> {
  const ends = new Map(processRuns.map(({ name, to }) => [name, to]))
  for (const taskExecutions of executions.values()) {
    for (const [i, { worker, to }] of taskExecutions.entries()) {
      const diedAt = ends.get(worker)
      const later = taskExecutions.slice(i + 1)
      const next = later.find(({ from }) => from >= (diedAt ?? Infinity))
      const overlaps = later.some(({ from }) => from < (diedAt ?? 0))
      if (to === null && diedAt && next && !overlaps) {
        yield { diedAt, restartedAt: next.from, worker: next.worker }
      }
    }
  }
}
