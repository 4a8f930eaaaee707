/** Judges a run by the schedules and tasks that Redis has at its end, and by what the processes were told. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EVERY_MS } from './plan.ts'
import type { ScheduleState } from '../../lib/store/schedule-contract.ts'
import type { Mark } from '../failover/marks.ts'
import type { Fault } from '../failover/servers.ts'

export interface Evidence {
  /** The first planned time of each schedule. */
  firsts: Map<string, number>
  states: Map<string, ScheduleState>
  taskIds: string[]
  /** What is known to be on the replicas. Without faults everything is: Redis writes it to disk before it answers. */
  marks: Mark[]
  faults: Fault[]
}

export interface TickAudit {
  /** Each list must be empty. */
  problems: Record<'doubled' | 'unaccounted' | 'lost', string[]>
  ticks: number
  fired: number
  skipped: number
  missed: number
  /** Ticks that fired right before the master was killed, and are not known to be on a replica. */
  atRisk: number
  /** Of these: fired again after the failover, and without a task. */
  firedAgain: number
  lostWithTheMaster: number
}

interface Fired { tick: string, at: number, task: string }

/** What the processes were told, in the order of time. */
function readFired (dir: string): Fired[] {
  const files = readdirSync(dir).filter(name => name.endsWith('.fired'))
  const lines = files.flatMap(name => readFileSync(join(dir, name), 'utf8').split('\n').filter(Boolean))
  const fired = lines.map(line => {
    const [schedule, planned, at, task] = line.split(' ')
    return { tick: `${schedule} ${planned}`, at: Number(at), task: task! }
  })
  return fired.sort((one, other) => one.at - other.at)
}

/** Whether no master was killed later, or a mark between the two was on every replica. */
function isSafe (at: number, { marks, faults }: Evidence): boolean {
  const kills = faults.filter(({ killed }) => killed.length > 0)
  if (kills.some(kill => at >= kill.from && at < kill.to)) return false // may be a late answer of the old master
  const next = kills.find(kill => kill.from > at)
  return !next || marks.some(mark => mark.from > at && mark.to < next.from)
}

const countOf = ({ fired = 0, skipped = 0, missed = 0 }: ScheduleState): number => fired + skipped + missed

export function audit (dir: string, evidence: Evidence): TickAudit {
  const { states, firsts, taskIds } = evidence
  const byTick = new Map<string, Fired[]>()
  for (const fired of readFired(dir)) byTick.set(fired.tick, [...byTick.get(fired.tick) ?? [], fired])
  const stored = new Set(taskIds)
  const firstFired = Array.from(byTick.values(), all => all[0]!)
  const safe = firstFired.filter(({ at }) => isSafe(at, evidence))
  const risky = firstFired.filter(fired => !safe.includes(fired))
  const isDoubled = ({ tick }: Fired): boolean => byTick.get(tick)!.length > 1
  const isLost = ({ task }: Fired): boolean => !stored.has(task)
  const all = [...states.values()]
  const sum = (key: 'fired' | 'skipped' | 'missed'): number =>
    all.reduce((total, state) => total + (state[key] ?? 0), 0)
  const named = (fired: Fired[]): string[] => fired.map(({ tick, task }) => `${tick} ${task}`)
  return {
    problems: {
      doubled: [...twoTasks(taskIds), ...named(safe.filter(isDoubled))],
      unaccounted: [...firsts].flatMap(([id, first]) => unaccounted(id, first, states.get(id))),
      lost: [
        ...named(safe.filter(isLost)),
        ...sum('fired') === taskIds.length ? [] : [`${sum('fired')} counted as fired, ${taskIds.length} tasks`]
      ]
    },
    ticks: all.reduce((total, state) => total + countOf(state), 0),
    fired: sum('fired'),
    skipped: sum('skipped'),
    missed: sum('missed'),
    atRisk: risky.length,
    firedAgain: risky.filter(isDoubled).length,
    lostWithTheMaster: risky.filter(isLost).length
  }
}

/** Planned times with two tasks. An id is made of the schedule, its generation and the planned time. */
function twoTasks (taskIds: string[]): string[] {
  const seen = new Set<string>()
  return taskIds.filter(id => {
    const [schedule, , planned] = id.split(':')
    const tick = `${schedule} ${planned}`
    if (seen.has(tick)) return true
    seen.add(tick)
    return false
  })
}

/** The mark is the planned time of the last tick that was counted. */
function unaccounted (id: string, first: number, state: ScheduleState | undefined): string[] {
  if (!state) return [`${id} is gone`]
  const planned = state.mark === undefined ? 0 : Math.floor((state.mark - first) / EVERY_MS) + 1
  return planned === countOf(state) ? [] : [`${id}: ${planned} planned, ${countOf(state)} counted`]
}
