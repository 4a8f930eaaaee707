/**
 * Why a task that could start is held back.
 */
import type { BlockedBy, TaskState } from '../types.ts'

/**
 * Null if nothing holds it back.
 * @param paused what is paused in its queue: see store/pause-flags.ts. Undefined if nothing is, or if it does not wait
 */
export function blockedBy (
  queue: string, name: string, state: TaskState, paused: string[] | undefined
): BlockedBy | null {
  if (!paused || (state !== 'waiting' && state !== 'retrying')) return null
  if (paused.includes('')) return { kind: 'pause', text: `queue "${queue}" is paused` }
  return paused.includes(`n:${name}`) ? { kind: 'pause', text: `task "${name}" is paused` } : null
}
