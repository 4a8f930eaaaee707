/**
 * The flows of a queue in memory, and which flow a record belongs to.
 */
import { MemoryFlows } from './flows.ts'
import type { MemoryQueueHost } from './queue-host.ts'
import type { TaskLists } from './task-lists.ts'

const BEGINS = '"flow":' + '{"id":"'

const MEMBERSHIP = /"flow":(\{"id":"([^"]*)","home":[^{}]*,"node":[^{}]*\})/y

/**
 * The JSON of the membership in the text of a record: the last part of it that has the form. Undefined if its task is
 * no member of a flow: the id of a member begins with that of its flow, and data may look like a membership.
 */
export function membershipIn (id: string, text: string | undefined): string | undefined {
  const dot = id.indexOf('.')
  if (dot < 0 || text === undefined) return undefined
  const begins = BEGINS + id.slice(0, dot)
  for (let at = text.lastIndexOf(begins); at > 0; at = text.lastIndexOf(begins, at - 1)) {
    MEMBERSHIP.lastIndex = at
    const [, member, flow] = MEMBERSHIP.exec(text) ?? []
    if (member !== undefined) return id.startsWith(`${flow}.`) ? member : undefined
  }
  return undefined
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
