/** Judges a run by all that was written to Redis, what is left there, and what the processes wrote. */
import { ENDS, planFlow } from './plan.ts'
import { readLedgers, toldFlows, type LedgerLine, type ProcessRun } from './fleet.ts'
import { readAof, type History } from '../aof.ts'

export interface Evidence {
  dir: string
  aof: string
  seed: number
  runs: ProcessRun[]
  /** When Redis, or the way to it, had a fault. */
  faults: Array<{ from: number, to: number }>
  /** The keys of flows and tasks that are left at the end. */
  left: string[]
}

type Problem =
  'stuck' | 'with a wrong end' | 'callbacks lost' | 'members settled twice' | 'run twice without a fault' | 'keys left'

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
  const histories = readAof(evidence.aof)
  const lines = readLedgers(dir, runs)
  const flows = [...new Set(toldFlows(dir, runs))].map(i =>
    ({ ...planFlow(seed, i), history: histories.get(`flow-${i}`) }))
  const endOf = (history?: History): string => history?.terminalStates.at(-1) ?? 'none'
  const members = [...histories].filter(([id]) => id.includes('.'))
  const ended = new Set(lines.flatMap(({ words: [word, id] }) => word === 'end' ? [id!.replace(/-\d+$/, '')] : []))
  const { twice, again } = doubled(lines, evidence)
  return {
    problems: {
      stuck: flows.filter(({ history }) => endOf(history) === 'none').map(({ id }) => id),
      'with a wrong end': flows.filter(({ kind, history }) => !['none', ...ENDS[kind]].includes(endOf(history)))
        .map(({ id, kind, history }) => `${id} (${kind}): ${endOf(history)} ${JSON.stringify(history?.record?.error)}`),
      'callbacks lost': flows.filter(({ id, callback, history }) =>
        callback !== null && endOf(history) === 'succeeded' && !ended.has(`${id}.${callback}`)).map(({ id }) => id),
      'members settled twice': members.filter(([, { lateWrites }]) => isSettledTwice(lateWrites))
        .map(([id, { lateWrites }]) => `${id}: ${lateWrites.join(', ')}`),
      'run twice without a fault': twice,
      'keys left': left
    },
    flows: flows.length,
    members: flows.reduce((sum, flow) => sum + flow.members, 0),
    ends: countBy(flows.map(({ history }) => endOf(history))),
    again,
    deaths: new Map(Object.entries(countBy(lines.flatMap(({ words }) =>
      words[0] === 'died' ? [words.slice(1).join(' ')] : []))))
  }
}

/** One that was removed and started again by a process that a fault held up is looked at as one that ran again. */
const isSettledTwice = (lateWrites: string[]): boolean =>
  lateWrites.length > 0 && !lateWrites.includes('created after removal')

function countBy (names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Members that started more than once. The earlier start has a fault to blame: of its process, or of Redis. */
function doubled (lines: LedgerLine[], { runs, faults }: Evidence): { twice: string[], again: number } {
  const starts = new Map<string, LedgerLine[]>()
  for (const line of lines) {
    if (line.words[0] === 'start') starts.set(line.words[1]!, [...starts.get(line.words[1]!) ?? [], line])
  }
  const diedAt = new Map(runs.map(({ name, to }) => [name, to]))
  const twice: string[] = []
  let again = 0
  for (const [id, all] of starts) {
    for (const [i, { at, name }] of all.slice(0, -1).entries()) {
      const next = all[i + 1]!
      const died = diedAt.get(name) ?? Infinity
      const isBlamed = died <= next.at || faults.some(({ from, to }) => from <= next.at && to >= at)
      if (isBlamed) again++
      else twice.push(`${id}: by ${name} at ${at}, by ${next.name} ${next.at - at} ms later`)
    }
  }
  return { twice, again }
}
