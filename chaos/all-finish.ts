/** Waits for the end of all tasks, however long a slow machine takes. */
import { poll } from '../scripts/poll.ts'

/**
 * False if tasks are stuck: none has finished for `ms`.
 * @param unfinished how many tasks have not finished
 */
export async function allFinish (unfinished: () => Promise<number>, ms: number): Promise<boolean> {
  let left = Infinity
  while (left > 0) {
    const before = left
    const isFewer = async (): Promise<boolean> => (left = await unfinished()) < before
    if (!await poll('another task finishes', ms, isFewer).catch(() => false)) return false
  }
  return true
}
