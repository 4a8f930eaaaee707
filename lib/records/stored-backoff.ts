/**
 * The delay of an exponential backoff in a record: that of the next wait. Bee-Queue's workers store the doubled delay
 * with each retry, so ours do it too. Otherwise a task that both retry would have its delay doubled twice.
 */
import type { BackoffOptions } from '../types.ts'

/** The backoff to store with a retry. */
export const afterRetry = (backoff: BackoffOptions): BackoffOptions => scaled(backoff, 2)

/** The backoff as it was before so many retries. */
export const beforeRetries = (backoff: BackoffOptions, made: number): BackoffOptions => scaled(backoff, 2 ** -made)

/** Any producer may have written the delay. A wait of ours stays below MAX_BACKOFF_MS. */
function scaled (backoff: BackoffOptions, factor: number): BackoffOptions {
  if (backoff.strategy !== 'exponential' || typeof backoff.delay !== 'number') return backoff
  const delay = backoff.delay * factor
  return Number.isFinite(delay) && delay !== 0 ? { ...backoff, delay } : backoff
}
