/** Judges a run by all that was written to Redis, what is left there, and what the processes wrote. */
import { ENDS, planFlow } from './plan.ts'
import { deathsIn, readLedgers, toldFlows, type LedgerLine, type ProcessRun } from './fleet.ts'
import { readAof, type History } from '../aof.ts'

export interface Evidence {
  dir: string
  /** Of append-only files: each has other tasks. */
  dirs: string[]
  seed: number
  runs: ProcessRun[]
  /** When Redis, or the way to it, had a fault. */
  faults: Array<{ from: number, to: number }>
  /** The keys of flows and tasks that are left at the end. */
  left: string[]
}

type Problem =
  'stuck' | 'with a wrong end' | 'callbacks lost' | 'members settled twice' | 'run twice without a fault' |
  'made again without a fault' | 'succeeded and run again by a retry' | 'keys left'

export interface FlowAudit {
  /** Each list must be empty. */
  problems: Record<Problem, string[]>
  flows: number
  members: number
  ends: Record<string, number>
  /** Members that ran again, because their process or its connection had a fault. */
  again: number
  /** The steps at which a process was killed. */
  deaths: Map<string, number>
}

export function audit (evidence: Evidence): FlowAudit {
  const { dir, seed, runs, left } = evidence
  const histories = new Map(evidence.dirs.flatMap(folder => [...readAof(folder)]))
  const lines = readLedgers(dir, runs)
  const flows = [...new Set(toldFlows(dir, runs))].map(i =>
    ({ ...planFlow(seed, i), history: histories.get(`flow-${i}`) }))
  const endOf = (history?: History): string => history?.terminalStates.at(-1) ?? 'none'
  const members = [...histories].filter(([id]) => id.includes('.'))
  const enqueues = enqueuesOf(lines)
  const ended = new Set(lines.flatMap(({ words: [word, id] }) => word === 'end' ? [id!.replace(/-\d+$/, '')] : []))
  const { twice, again } = doubled(lines, evidence, histories, enqueues)
  return {
    problems: {
      stuck: flows.filter(({ history }) => endOf(history) === 'none').map(({ id }) => id),
      'with a wrong end': flows.filter(({ kind, history }) => !['none', ...ENDS[kind]].includes(endOf(history)))
        .map(({ id, kind, history }) => `${id} (${kind}): ${endOf(history)} ${JSON.stringify(history?.record?.error)}`),
      'callbacks lost': flows.filter(({ id, callback, history }) =>
        callback !== null && endOf(history) === 'succeeded' && !ended.has(`${id}.${callback}`)).map(({ id }) => id),
      'members settled twice': members.filter(([, { lateWritesOfOne }]) => lateWritesOfOne.length > 0)
        .map(([id, { lateWritesOfOne }]) => `${id}: ${lateWritesOfOne.join(', ')}`),
      'run twice without a fault': twice,
      'made again without a fault': madeAgain(members, lines, evidence, enqueues),
      'succeeded and run again by a retry': runByRetry(members, histories, enqueues),
      'keys left': left
    },
    flows: flows.length,
    members: flows.reduce((sum, flow) => sum + flow.members, 0),
    ends: countBy(flows.map(({ history }) => endOf(history))),
    again,
    deaths: new Map(Object.entries(countBy(deathsIn(lines))))
  }
}

function countBy (names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** How long after its handler a task is settled at most, without a fault, in ms. */
const SETTLE_MS = 2_000

type Enqueues = Map<string, number[]>

/** When each flow was enqueued: again, if the first caller died, or was in doubt. */
function enqueuesOf (lines: LedgerLine[]): Enqueues {
  const enqueues: Enqueues = new Map()
  for (const { at, words: [word, i] } of lines) {
    if (word === 'enqueue') enqueues.set(`flow-${i}`, [...enqueues.get(`flow-${i}`) ?? [], at])
  }
  return enqueues
}

const flowOf = (member: string): string => member.slice(0, member.indexOf('.'))

/**
 * Members that started more than once. The earlier start has a fault to blame: its process died, or Redis had a fault,
 * before it was settled. One whose record was made again: see below.
 */
function doubled (
  lines: LedgerLine[], { runs, faults }: Evidence, histories: Map<string, History>, enqueues: Enqueues
): { twice: string[], again: number } {
  const starts = linesOf(lines, 'start')
  const overs = linesOf(lines, 'over')
  const diedAt = new Map(runs.map(({ name, to }) => [name, to]))
  const twice: string[] = []
  let again = 0
  for (const [id, all] of starts) {
    for (const [i, { at, name }] of all.slice(0, -1).entries()) {
      const next = all[i + 1]!
      const over = overs.get(id)?.find(line => line.name === name && line.at >= at)?.at ?? Infinity
      const isNew = histories.get(id)!.records > 1
      const until = isNew ? next.at : Math.min(next.at, over + SETTLE_MS)
      const died = diedAt.get(name) ?? Infinity
      const isBlamed = (died >= at && died <= Math.min(next.at, over + SETTLE_MS)) ||
        overlaps(faults, at, until) || (isNew && enqueues.get(flowOf(id))!.some(time => time >= at && time <= next.at))
      if (isBlamed) again++
      else twice.push(`${id}: by ${name} at ${at}, by ${next.name} ${next.at - at} ms later`)
    }
  }
  return { twice, again }
}

const overlaps = (faults: Evidence['faults'], at: number, until: number): boolean =>
  faults.some(({ from, to }) => from <= until && to >= at)

function linesOf (lines: LedgerLine[], word: string): Map<string, LedgerLine[]> {
  const found = new Map<string, LedgerLine[]>()
  for (const line of lines) {
    if (line.words[0] === word) found.set(line.words[1]!, [...found.get(line.words[1]!) ?? [], line])
  }
  return found
}

/**
 * Members that were removed, and made again: nobody may start them twice, unless a fault of Redis held a process up
 * for as long, or the flow was enqueued again after its end. The death of a process is no excuse.
 */
function madeAgain (
  members: Array<[string, History]>, lines: LedgerLine[], { faults }: Evidence, enqueues: Enqueues
): string[] {
  const lastAt = new Map(lines.flatMap(({ at, words: [, id] }) => id?.includes('.') ? [[flowOf(id), at]] : []))
  return members.flatMap(([id, { records }]) => {
    const [first = 0, ...others] = enqueues.get(flowOf(id)) ?? []
    const isBlamed = others.length > 0 || overlaps(faults, first, lastAt.get(flowOf(id)) ?? first)
    return records > 1 && !isBlamed ? [`${id}: made ${records} times`] : []
  })
}

/** A retry of a flow gives what it starts again a new id: what has succeeded must have none. */
const runByRetry = (
  members: Array<[string, History]>, histories: Map<string, History>, enqueues: Enqueues
): string[] =>
  members.map(([id]) => id).filter(id => {
    const [, before, generation] = /^(.*)-(\d+)$/.exec(id.slice(id.indexOf('.'))) ?? []
    if (generation === undefined || enqueues.get(flowOf(id))!.length > 1) return false
    const earlier = flowOf(id) + before + (generation === '1' ? '' : `-${Number(generation) - 1}`)
    return histories.get(earlier)?.terminalStates.at(-1) === 'succeeded'
  })
