/**
 * `fastify-tasks retry ID`
 */
import { EXIT } from '../exit.ts'
import { printOutcome, printErr } from '../output.ts'
import { instancesWith, reportUnknown } from './status.ts'
import type { TaskConnection } from '../connect.ts'
import type { FastifyTasks } from '../../types.ts'
import type { TaskFlags } from './status.ts'

/** Returns the exit code. */
export async function retry (connection: TaskConnection, id: string, { json, queue }: TaskFlags): Promise<number> {
  for (const { tasks } of instancesWith(connection, queue)) {
    const outcome = await tasks.retry(id, { queue })
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    if (outcome === 'queued') printErr('Re-queued with all attempts')
    else printErr(`The task is ${await stateOf(tasks, id, queue)}: only a failed task can be re-queued`)
    return outcome === 'queued' ? EXIT.done : EXIT.refused
  }
  return await reportUnknown(connection, id, json, { id, outcome: 'unknown' })
}

async function stateOf (tasks: FastifyTasks, id: string, queue: string | undefined): Promise<string> {
  return (await tasks.status(id, { queue }))?.state ?? 'gone'
}
