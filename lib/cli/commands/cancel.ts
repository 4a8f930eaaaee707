/**
 * Layer 4: `fastify-tasks cancel ID`.
 */
import { EXIT } from '../exit.ts'
import { printOutcome, printErr } from '../output.ts'
import { unknown } from './status.ts'
import type { TaskConnection } from '../connect.ts'
import type { CancelOutcome } from '../../types.ts'

const WORDS: Record<Exclude<CancelOutcome, 'unknown'>, string> = {
  cancelled: 'It had not started, and never will',
  requested: 'It runs: its worker aborts it',
  finished: 'It had ended before: there is nothing to cancel'
}

export async function cancel (source: TaskConnection, id: string, { json }: { json?: boolean }): Promise<number> {
  for (const { tasks } of source.all) {
    const outcome = await tasks.cancel(id)
    if (outcome === 'unknown') continue
    printOutcome(json, { id, outcome })
    printErr(WORDS[outcome])
    return outcome === 'finished' ? EXIT.refused : EXIT.done
  }
  return await unknown(source, id, json, { id, outcome: 'unknown' })
}
