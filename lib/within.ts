/**
 * Waits for work, but not longer than so many ms.
 */
import { sleep } from './timers.ts'

/** False if the work has not ended within `ms`. It goes on. Rejects as the work does. */
export async function within (ms: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  return await Promise.race([work.then(() => true), late]).finally(() => timer.abort())
}
