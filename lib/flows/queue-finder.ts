/**
 * Finds a queue by its name, also one that the app does not know: a member of a flow may be in it.
 */
import type { Queue } from '../store/contract.ts'
import type { Store } from '../store/store-contract.ts'

export function queueFinder (store: Store, known: ReadonlyMap<string, Queue>): (name: string) => Queue {
  const others = new Map<string, Queue>()
  return name => {
    const found = known.get(name) ?? others.get(name)
    if (found) return found
    const opened = store.queue(name)
    others.set(name, opened)
    return opened
  }
}
