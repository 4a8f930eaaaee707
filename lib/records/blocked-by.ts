/**
 * Why a task that could start is held back.
 */
import { splitAtBlank } from './split-at-blank.ts'
import type { LiveState } from './live-state.ts'
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

function byLimit (lane: string, gated: true | { used: number, max: number }): BlockedBy {
  const [name, key] = splitAtBlank(lane)
  const what = key === '' ? `limit of task "${name}"` : `limit of key "${key}"`
  return { kind: 'limit', text: gated === true ? what : `${what}, ${gated.used} of ${gated.max}`, key }
}
