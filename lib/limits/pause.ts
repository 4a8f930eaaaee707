/**
 * Pauses a queue, or the tasks of one name in every queue that is known here, and ends such a pause.
 */
import { checkPause } from '../options.ts'
import { notDefined } from '../tasks/registry.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'
import type { PauseTarget } from '../types.ts'

/** What a pause needs of the tasks of an app. */
export interface PauseSource {
  readonly definitions: ReadonlyMap<string, unknown>
  readonly queues: ReadonlyMap<string, Queue>
  readonly calls: BoundedCalls
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
}

const CALL_AGAIN = 'Call it again: what is done already stays as it is.'

/** See `FastifyTasks.pause`. */
export async function pause (source: PauseSource, target: PauseTarget): Promise<boolean> {
  checkPause('pause', target)
  const { name } = target
  // A command without an app knows no names.
  if (name !== undefined && source.definitions.size > 0 && !source.definitions.has(name)) {
    throw notDefined(name, source.definitions)
  }
  return await change(source, target, 'a pause', queue => queue.pause(name ?? null))
}

/** See `FastifyTasks.resume`. Of any name: the task may not be defined any more. */
export async function resume (source: PauseSource, target: PauseTarget): Promise<boolean> {
  checkPause('resume', target)
  return await change(source, target, 'a resume', queue => queue.resume(target.name ?? null))
}

/** Returns whether a queue was changed. */
async function change (
  source: PauseSource, { queue }: PauseTarget, what: string, send: (queue: Queue) => Promise<boolean>
): Promise<boolean> {
  const queues = queue === undefined ? [...source.queues.values()] : [source.queue(queue)]
  const changed = await Promise.all(queues.map(queue =>
    source.calls.call(`${what} in queue "${queue.name}"`, CALL_AGAIN, () => send(queue))))
  return changed.includes(true)
}
