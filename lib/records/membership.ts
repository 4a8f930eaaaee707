/**
 * What the record of a task says of its flow.
 */
import type { FlowMembership } from '../types.ts'

/** Scripts find it in the text of a record: `id` comes first, and no value is an object. */
export interface StoredMembership {
  id: string
  /** The queue that the flow lives in. */
  home: string
  node: string
  generation: number
  /** The join that started it. Missing if it was added by another member, or runs behind all others. */
  join?: string
  key: string
  /** How long its record stays until the flow has ended, in ms. */
  keep: number
}

/** Its JSON in front of the node, between node and key, and behind the key: the same for most members of a flow. */
export function frameMembership (
  { id, home, generation, join, keep }: StoredMembership
): [before: string, between: string, after: string] {
  const started = join === undefined ? '' : `"join":${JSON.stringify(join)},`
  return [
    `{"id":${JSON.stringify(id)},"home":${JSON.stringify(home)},"node":`,
    `,"generation":${generation},${started}"key":`,
    `,"keep":${keep}}`
  ]
}

/** Marks the record of a flow. */
export interface StoredGraph {
  /** The names of its tasks. */
  tasks: string[]
  /** How many members it was enqueued with. If it has more, some were added. */
  size?: number
  /** How long the records of its members stay if nobody releases them, in ms. */
  life: number
  /** The task whose `authorize` says who may see it, and the member whose data it is asked with. */
  authorize?: string
  asked?: string
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

export function isMembership (flow: any): flow is StoredMembership {
  const { id, home, node, generation, key, keep } = flow ?? {}
  return [id, home, node, key].every(text => typeof text === 'string') && isCount(generation) && isCount(keep)
}

export function isGraph (graph: any): graph is StoredGraph {
  const { tasks, size = 0, life, authorize = '', asked = '' } = graph ?? {}
  const hasNames = Array.isArray(tasks) && tasks.every(task => typeof task === 'string')
  return hasNames && isCount(size) && isCount(life) && [authorize, asked].every(text => typeof text === 'string')
}

export const toMembership = (flow: StoredMembership | undefined): FlowMembership | null =>
  flow ? { id: flow.id, key: flow.key, done: null, total: null } : null
