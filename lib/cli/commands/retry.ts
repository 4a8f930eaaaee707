/**
 * `fastify-tasks retry ID`
 */
import { EXIT } from '../exit.ts'
import { printOutcome, printErr } from '../output.ts'
import { reportUnknown } from './status.ts'
import type { TaskConnection } from '../connect.ts'

/** Returns the exit code. */
export async function retry (connection: TaskConnection, id: string, { json }: { json?: boolean }): Promise<number> {
  for (const { tasks } of connection.instances) {
    const outcome = await tasks.retry(id)
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    if (outcome === 'queued') printErr('Re-queued with all attempts')
    else printErr(`The task is ${(await tasks.status(id))?.state ?? 'gone'}: only a failed task can be re-queued`)
    return outcome === 'queued' ? EXIT.done : EXIT.refused
  }
  return await reportUnknown(connection, id, json, { id, outcome: 'unknown' })
}
