/**
 * Lists the keys of limits and rates whose tasks wait.
 */
import { byLimit } from '../records/blocked-by.ts'
import { splitAtBlank } from '../records/split-at-blank.ts'
import { TRY_AGAIN } from '../tasks/advice.ts'
import type { ListedKey } from '../boot/app-registry.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'

/** Those with the most waiting tasks first. @throws FST_TASKS_REDIS_UNAVAILABLE */
export async function listKeys (queues: Iterable<Queue>, calls: BoundedCalls, limit: number): Promise<ListedKey[]> {
  const found = await Promise.all(Array.from(queues, async ({ name: queue, lanes }) => {
    const states = await calls.call('a list of keys with a limit', TRY_AGAIN, () => lanes.list(limit))
    return states.filter(({ waiting }) => waiting > 0).map(state => {
      const [task, key] = splitAtBlank(state.lane)
      const { waiting, used: started, holder: heldBy } = state
      return { queue, task, key, waiting, started, why: byLimit(state.lane, state).text, heldBy }
    })
  }))
  return found.flat().sort((one, other) => other.waiting - one.waiting).slice(0, limit)
}
