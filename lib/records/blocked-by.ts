/**
 * Why a task that could start is held back.
 */
import { splitAtBlank } from './split-at-blank.ts'
import type { GatedLane, LiveState } from './live-state.ts'
import type { BlockedBy, TaskState } from '../types.ts'

/** Whether it is a lane that we have made: any producer may have written something else. */
export const isLane = (lane: unknown): boolean => typeof lane === 'string' && /^\S+ /.test(lane)

/** Null if nothing holds it back. */
export function blockedBy (
  queue: string, name: string, state: TaskState, { paused, gated }: LiveState, lane: string | undefined
): BlockedBy | null {
  if (state !== 'waiting' && state !== 'retrying') return null
  if (gated && lane !== undefined) return byLimit(lane, gated)
  if (!paused) return null
  if (paused.includes('')) return byPause(`queue "${queue}" is paused`)
  return paused.includes(`n:${name}`) ? byPause(`task "${name}" is paused`) : null
}

const byPause = (text: string): BlockedBy => ({ kind: 'pause', text, key: null })

/** Why the tasks of a lane wait. */
export function byLimit (lane: string, gated: true | GatedLane): BlockedBy {
  const [name, key] = splitAtBlank(lane)
  const [task, whose] = [`task "${name}"`, key === '' ? `task "${name}"` : `key "${key}"`]
  if (gated === true) return { kind: 'limit', text: `limit of ${whose}`, key }
  const { used, common, opensAt } = gated
  const own = byGate(whose, key, gated)
  // With a rate that has room for more, only the task as a whole can be what holds it back.
  if (common && own?.kind !== 'limit' && opensAt === null) return byGate(task, '', common) ?? byShare(whose, key, used)
  return own ?? byShare(whose, key, used)
}

const byShare = (whose: string, key: string, used: number): BlockedBy =>
  ({ kind: 'limit', text: `fair share of ${whose}, ${used}`, key })

/** Null if it has no rate, and its limit is not reached. */
function byGate (whose: string, key: string, gate: Omit<GatedLane, 'common'>): BlockedBy | null {
  const { used, max, opensAt, rates } = gate
  if (used >= max) return { kind: 'limit', text: `limit of ${whose}, ${used} of ${max}`, key }
  if (opensAt === null && rates.length === 0) return null
  const parts = rates.map(({ max, window }) => `, ${max} in ${window} ms`)
  if (opensAt !== null) parts.push(`, next at ${new Date(opensAt).toISOString()}`)
  return { kind: 'rate', text: `rate of ${whose}${parts.join('')}`, key }
}
