/**
 * The flows of a queue in memory, and which flow a record belongs to.
 */
import { MemoryFlows } from './flows.ts'
import type { MemoryQueueHost } from './queue-host.ts'
import type { TaskLists } from './task-lists.ts'

const BEGINS = '"flow":' + '{"id":"'

/**
 * The JSON of the membership in the text of a record. Undefined if its task is no member of a flow: the id of a member
 * begins with that of its flow, and data may look like a membership.
 */
export function membershipIn (id: string, text: string | undefined): string | undefined {
  const dot = id.indexOf('.')
  const at = dot < 0 ? -1 : text?.lastIndexOf(BEGINS + id.slice(0, dot)) ?? -1
  if (at < 0) return undefined
  const flow = text!.slice(at + BEGINS.length, text!.indexOf('"', at + BEGINS.length))
  return id.startsWith(`${flow}.`) ? text!.slice(at + 7, text!.indexOf('}', at) + 1) : undefined
}

/** The parts of a queue that its flows use. */
interface QueueParts {
  host: MemoryQueueHost
  records: Map<string, string>
  lists: TaskLists
  publish (id: string, change: string): void
  onChanged (): void
}

export function flowsOf ({ host, records, lists, publish, onChanged }: QueueParts): MemoryFlows {
  return new MemoryFlows({
    publish,
    onChanged,
    now: () => host.now(),
    hasRecord: id => records.has(id),
    putRecord: (id, text) => { records.set(id, text) },
    deleteRecord: id => { records.delete(id) },
    onTold: id => host.onTold(id),
    stateOf: id => records.has(id) ? lists.stateOf(id) : 'removed',
    keep (id, ms) {
      const state = lists.stateOf(id)
      if (state && ms > 0) return lists.finished[state].put(id, host.now() + ms)
      if (!state) return
      records.delete(id)
      lists.remove(id)
    }
  })
}
