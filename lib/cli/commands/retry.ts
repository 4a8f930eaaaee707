/**
 * Layer 4: `fastify-tasks retry ID`.
 */
import { EXIT } from '../exit.ts'
import { printOutcome, printErr } from '../output.ts'
import { unknown } from './status.ts'
import type { TaskConnection } from '../connect.ts'

export async function retry (source: TaskConnection, id: string, { json }: { json?: boolean }): Promise<number> {
  for (const { tasks } of source.all) {
    const outcome = await tasks.retry(id)
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    if (outcome === 'queued') printErr('It waits again, with all of its attempts')
    else printErr(`It is ${(await tasks.status(id))?.state ?? 'gone'}: only a failed task can be queued again`)
    return outcome === 'queued' ? EXIT.done : EXIT.refused
  }
  return await unknown(source, id, json, { id, outcome: 'unknown' })
}
