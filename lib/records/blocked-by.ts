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
  const whose = key === '' ? `task "${name}"` : `key "${key}"`
  if (gated === true) return { kind: 'limit', text: `limit of ${whose}`, key }
  const { used, max, opensAt, rates } = gated
  if (used >= max) return { kind: 'limit', text: `limit of ${whose}, ${used} of ${max}`, key }
  if (opensAt === null && rates.length === 0) return { kind: 'limit', text: `fair share of ${whose}, ${used}`, key }
  const parts = rates.map(({ max, window }) => `, ${max} in ${window} ms`)
  if (opensAt !== null) parts.push(`, next at ${new Date(opensAt).toISOString()}`)
  return { kind: 'rate', text: `rate of ${whose}${parts.join('')}`, key }
}
