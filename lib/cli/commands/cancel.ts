/**
 * `fastify-tasks cancel ID`
 */
import { EXIT } from '../exit.ts'
import { printOutcome, printErr } from '../output.ts'
import { instancesWith, reportUnknown } from './status.ts'
import type { TaskConnection } from '../connect.ts'
import type { TaskFlags } from './status.ts'
import type { CancelOutcome } from '../../types.ts'

const MESSAGES: Record<Exclude<CancelOutcome, 'unknown'>, string> = {
  cancelled: 'The task had not started, and never will',
  requested: 'The task is running: its worker is going to abort it',
  finished: 'The task has already finished: there is nothing to cancel'
}

/** Returns the exit code. */
export async function cancel (
  connection: TaskConnection, id: string, { json, queue }: TaskFlags
): Promise<number> {
  for (const { tasks } of await instancesWith(connection, id, queue)) {
    const outcome = await tasks.cancel(id, { queue })
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    printErr(MESSAGES[outcome])
    return outcome === 'finished' ? EXIT.refused : EXIT.done
  }
  return await reportUnknown(connection, id, json, { id, outcome: 'unknown' })
}
