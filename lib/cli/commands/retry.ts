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
  for (const { tasks } of await instancesWith(connection, id, queue)) {
    const outcome = await tasks.retry(id, { queue })
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    if (outcome === 'queued') printErr('Re-queued with all attempts')
    else printErr(await whyNot(tasks, id, queue))
    return outcome === 'queued' ? EXIT.done : EXIT.refused
  }
  return await reportUnknown(connection, id, json, { id, outcome: 'unknown' })
}

async function whyNot (tasks: FastifyTasks, id: string, queue: string | undefined): Promise<string> {
  const task = await tasks.status(id, { queue })
  const isMember = task?.state === 'failed' && task.flow !== null && task.flow.key !== null
  if (isMember) return `The task is a member of the flow "${task.flow!.id}": retry the flow`
  return `The task is ${task?.state ?? 'gone'}: only a failed task can be re-queued`
}
