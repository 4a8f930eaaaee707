/**
 * `fastify-tasks pause` and `fastify-tasks resume`
 */
import { EXIT } from '../exit.ts'
import { printErr, printOutcome } from '../output.ts'
import type { TaskConnection } from '../connect.ts'
import type { PauseTarget } from '../../types.ts'

export interface PauseFlags { json?: boolean, queue?: string, name?: string }

/** Returns the exit code. */
export async function pause (
  connection: TaskConnection, action: 'pause' | 'resume', { json, queue, name }: PauseFlags
): Promise<number> {
  const { tasks } = connection.only()
  const target = { ...queue !== undefined && { queue }, ...name !== undefined && { name } } as PauseTarget
  const changed = await tasks[action](target)
  printOutcome(json, { ...target, outcome: `${action}d`, changed })
  if (!changed) printErr(action === 'pause' ? 'It was paused before' : 'It was not paused')
  return EXIT.done
}
