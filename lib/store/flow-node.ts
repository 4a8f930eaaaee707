/**
 * The entries of the nodes and joins of a flow, as text. Scripts read their first words.
 */
import { splitAtBlank } from '../records/split-at-blank.ts'

export interface FlowNode {
  /** 0, and one more for each retry of the flow that starts it again. */
  generation: number
  /** What waits for it goes on also if it does not succeed. */
  mayFail: boolean
  /** The joins that wait for it. */
  joins: string[]
  queue: string
  /** The name of its task. */
  task: string
  /** Its name among the nodes, for people. */
  key: string
  /** How long its record stays after the flow has ended, in ms. */
  ttl: number
}

export function encodeNode ({ generation, mayFail, joins, queue, task, key, ttl }: FlowNode): string {
  return `${generation} ${mayFail ? 1 : 0} ${joins.join(',') || '-'} ${JSON.stringify([queue, task, key, ttl])}`
}

export function decodeNode (entry: string): FlowNode {
  const [, generation, mayFail, joins, rest] = /^(\d+) ([01]) (\S+) (.*)$/s.exec(entry)!
  const [queue, task, key, ttl] = JSON.parse(rest!)
  const isLast = joins === '-'
  return {
    generation: Number(generation),
    mayFail: mayFail === '1',
    joins: isLast ? [] : joins!.split(','),
    queue,
    task,
    key,
    ttl
  }
}

/**
 * What the release of many members reads of a node. Nothing else is parsed: queue and ttl are the first and the last of
 * the list, and no name of a queue needs an escape.
 */
export function placeOfNode (entry: string): Pick<FlowNode, 'generation' | 'queue' | 'ttl'> {
  const start = entry.indexOf('["') + 2
  return {
    generation: Number(entry.slice(0, entry.indexOf(' '))),
    queue: entry.slice(start, entry.indexOf('"', start)),
    ttl: Number(entry.slice(entry.lastIndexOf(',') + 1, -1))
  }
}

/** What the nodes of a join read of earlier results: one, a list, or an object of them. A text is a node. */
export type FlowInput = string | FlowInput[] | { [key: string]: FlowInput }

export interface FlowJoin {
  targets: string[]
  input: FlowInput | null
}

export const encodeJoin = ({ targets, input }: FlowJoin): string => `${targets.join(',')} ${JSON.stringify(input)}`

export function decodeJoin (entry: string): FlowJoin {
  const [targets, input] = splitAtBlank(entry)
  return { targets: targets.split(','), input: JSON.parse(input) }
}

/**
 * The id of the task of a node. The generation stands before the keys of members that were added: such a key may end
 * with "-1" itself.
 */
export function memberId (flow: string, node: string, generation: number | string): string {
  if (generation === 0 || generation === '0') return `${flow}.${node}`
  const [first, ...keys] = node.split(':')
  return [`${flow}.${first}-${generation}`, ...keys].join(':')
}
