/** How long it took until work went on. */
import type { ProcessRun } from './worker-fleet.ts'
import type { Fault } from './faults.ts'
import type { Execution } from './ledger.ts'

export interface Recovery {
  /** From Redis answering again to the first task that ended. */
  restarts: number[]
  /** From the end of a worker to the next run of what it was running: where nothing else was wrong meanwhile, and where Redis or connections were away. */
  undisturbed: number[]
  disturbed: number[]
}

export function recovery (faults: Fault[], settledAt: number[], lives: ProcessRun[], executions: Map<string, Execution[]>): Recovery {
  const outages = faults.filter(one => one.slot === null)
  const found: Recovery = { restarts: [], undisturbed: [], disturbed: [] }
  for (const { to } of outages) {
    const first = settledAt.find(time => time >= to)
    const next = outages.find(one => one.from >= to)
    // Where Redis went away again before, there is nothing to measure.
    if (first !== undefined && !(next && next.from < first)) found.restarts.push(first - to)
  }
  const slots = new Map(lives.map(life => [life.name, life.slot]))
  for (const { died, again, by } of reruns(lives, executions)) {
    const isDisturbed = faults.some(one => (one.slot === null || one.slot === slots.get(by)) && one.from <= again && one.to >= died)
    found[isDisturbed ? 'disturbed' : 'undisturbed'].push(again - died)
  }
  return found
}

/** When a worker died during a run, and when the same task was started next. */
function * reruns (lives: ProcessRun[], executions: Map<string, Execution[]>): Generator<{ died: number, again: number, by: string }> {
  const ends = new Map(lives.map(life => [life.name, life.to]))
  for (const runs of executions.values()) {
    for (const [i, run] of runs.entries()) {
      const died = ends.get(run.life)
      const next = runs.slice(i + 1).find(one => one.from >= (died ?? Infinity))
      const meanwhile = runs.slice(i + 1).some(one => one.from < (died ?? 0))
      if (run.to === null && died && next && !meanwhile) yield { died, again: next.from, by: next.life }
    }
  }
}
