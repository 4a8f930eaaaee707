/**
 * `fastify-tasks purge QUEUE`: removes all tasks of a queue that have not started, after a confirmation.
 */
import * as errors from '../../errors.ts'
import { confirmed } from '../confirmed.ts'
import { EXIT } from '../exit.ts'
import { printJson, print, printErr } from '../output.ts'
import { ownOf } from '../../own.ts'
import type { TaskConnection } from '../connect.ts'

export interface PurgeFlags { yes?: boolean, json?: boolean, retrying?: boolean }

/** Returns the exit code. Throws FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_PURGE_UNCONFIRMED. */
export async function purge (connection: TaskConnection, queue: string, flags: PurgeFlags): Promise<number> {
  const { yes, json, retrying = false } = flags
  const { tasks, address } = connection.only()
  const allCounts = await tasks.counts()
  const counts = ownOf(allCounts, queue)
  if (!counts) throw new errors.QueueUnknown(queue, Object.keys(allCounts).join(', '), queue)
  const kept = retrying ? '' : ', but for those between two attempts,'
  const what = `${counts.waiting} waiting and ${counts.delayed} delayed tasks${kept} of queue "${queue}" at ${address}`
  if (!yes && !await confirmed(`Remove ${what}?`, () => new errors.PurgeUnconfirmed(what))) {
    printErr('Nothing was removed')
    return EXIT.refused
  }
  const removed = await tasks.purge(queue, { retrying })
  if (json) printJson({ queue, removed })
  else print(`${queue}  ${removed} removed`)
  return EXIT.done
}
