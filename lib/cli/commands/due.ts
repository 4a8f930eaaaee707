/**
 * `fastify-tasks promote ID` and `fastify-tasks reschedule ID`
 */
import { EXIT } from '../exit.ts'
import { printErr, printOutcome } from '../output.ts'
import { instancesWith, reportUnknown, type TaskFlags } from './status.ts'
import type { TaskConnection } from '../connect.ts'
import type { FastifyTasks } from '../../types.ts'

export interface RescheduleFlags extends TaskFlags { delay?: number, until?: number }

const REFUSED = 'The task waits for no time: only a delayed task, or one between two attempts, can be moved'

/** Returns the exit code. */
export function promote (connection: TaskConnection, id: string, flags: TaskFlags): Promise<number> {
  return move(connection, id, flags, tasks => tasks.promote(id, { queue: flags.queue }))
}

/** Returns the exit code. Throws FST_TASKS_*_OPTION_*. */
export function reschedule (connection: TaskConnection, id: string, flags: RescheduleFlags): Promise<number> {
  const { delay, until: delayUntil, queue } = flags
  return move(connection, id, flags, tasks => tasks.reschedule(id, { delay, delayUntil, queue }))
}

async function move (
  connection: TaskConnection, id: string, { json, queue }: TaskFlags, run: (tasks: FastifyTasks) => Promise<string>
): Promise<number> {
  for (const { tasks } of await instancesWith(connection, id, queue)) {
    const outcome = await run(tasks)
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    if (outcome === 'refused') printErr(REFUSED)
    return outcome === 'refused' ? EXIT.refused : EXIT.done
  }
  return await reportUnknown(connection, id, json, { id, outcome: 'unknown' })
}
