/**
 * `fastify-tasks remove ID`: removes a task with all that is stored of it, after a confirmation.
 */
import * as errors from '../../errors.ts'
import { confirmed } from '../confirmed.ts'
import { EXIT } from '../exit.ts'
import { printErr, printOutcome } from '../output.ts'
import { instancesWith, reportUnknown, type TaskFlags } from './status.ts'
import type { TaskConnection } from '../connect.ts'

export interface RemoveFlags extends TaskFlags { yes?: boolean }

/** Returns the exit code. Throws FST_TASKS_UNCONFIRMED. */
export async function remove (
  connection: TaskConnection, id: string, { json, queue, yes }: RemoveFlags
): Promise<number> {
  for (const { tasks, address } of await instancesWith(connection, id, queue)) {
    const found = await tasks.status(id, { queue })
    if (!found) continue
    const what = `remove task "${id}" (${found.name}, ${found.state}) at ${address}`
    if (!yes && !await confirmed(`${what[0]!.toUpperCase()}${what.slice(1)}?`, () => new errors.Unconfirmed(what))) {
      printErr('Nothing was removed')
      return EXIT.refused
    }
    const outcome = await tasks.remove(id, { queue: found.queue })
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    if (outcome === 'active') printErr('The task is running: cancel it first')
    return outcome === 'active' ? EXIT.refused : EXIT.done
  }
  return await reportUnknown(connection, id, json, { id, outcome: 'unknown' })
}
