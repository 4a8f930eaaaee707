/**
 * Two registrations of one app that run the tasks of one queue: each claims tasks of which only the other one has the
 * handler, and puts them back for 5 s.
 */
import * as errors from '../errors.ts'
import type { AppRegistry, PluginInstance } from './app-registry.ts'

/** The queues in which an instance runs tasks. */
function servedBy ({ definitions, queues }: PluginInstance): Set<string> {
  const withHandler = [...definitions.values()].filter(({ hasHandler }) => hasHandler)
  return new Set(withHandler.length === 0 ? [] : [...queues, ...withHandler.map(({ queue }) => queue)])
}

/** Call it when all tasks are defined. Throws FST_TASKS_QUEUE_SHARED. */
export function checkSharedQueues ({ instances }: AppRegistry, own: PluginInstance): void {
  const queues = servedBy(own)
  for (const other of instances) {
    if (other === own || other.address !== own.address || other.prefix !== own.prefix || own.prefix === null) continue
    const shared = [...servedBy(other)].find(queue => queues.has(queue))
    if (shared !== undefined) {
      throw new errors.QueueShared(own.tasks.name, other.tasks.name, shared, own.address, own.prefix, own.prefix)
    }
  }
}
