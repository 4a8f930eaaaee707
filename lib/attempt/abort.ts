/**
 * Why a running attempt is aborted, and what its handler finds in `task.signal.reason`.
 */
import * as errors from '../errors.ts'

export type AbortCause = 'timeout' | 'cancel' | 'lost' | 'shutdown'

/** How long an aborted handler has to return before its outcome is written without it, in ms. */
export const ABORT_GRACE_MS = 1_000

interface Aborted { id: string, name: string, attempt: number, timeout: number }

export function abortReason (cause: AbortCause, { id, name, attempt, timeout }: Aborted): Error {
  switch (cause) {
    case 'timeout': return new errors.TaskTimeout(attempt, timeout)
    case 'cancel': return new errors.TaskCancelled(id, name)
    case 'lost': return new errors.ClaimLost()
    case 'shutdown': return new errors.Shutdown()
    default: return cause satisfies never
  }
}
