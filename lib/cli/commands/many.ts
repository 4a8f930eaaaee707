/**
 * `fastify-tasks count`, `retry-many`, `cancel-many`, `remove-many`: calls about all tasks that match.
 */
import * as errors from '../../errors.ts'
import { confirmed } from '../confirmed.ts'
import { EXIT } from '../exit.ts'
import { countedTasks, print, printErr, printJson } from '../output.ts'
import { toJsonLine } from '../text.ts'
import type { TaskConnection } from '../connect.ts'
import type { FastifyTasks, ManyOptions, ManyProgress, TaskFilter, TaskState } from '../../types.ts'

export interface FilterFlags {
  state: TaskState[]
  queue?: string
  name?: string
  tag?: string
  code?: string
  from?: number
  to?: number
  json?: boolean
}

export interface ManyFlags extends FilterFlags { limit?: number, cursor?: string, yes?: boolean }

export type ManyCommand = 'retryMany' | 'cancelMany' | 'removeMany'

const VERBS: Record<ManyCommand, [verb: string, done: string]> = {
  retryMany: ['queue', 'queued again'], cancelMany: ['cancel', 'cancelled'], removeMany: ['remove', 'removed']
}

const filterOf = ({ state, queue, name, tag, code, from, to }: FilterFlags): TaskFilter<any> =>
  ({ state, ...definedOnly({ queue, name, tag, code, from, to }) })

const definedOnly = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>

/** Returns the exit code. */
export async function count (connection: TaskConnection, flags: FilterFlags): Promise<number> {
  const found = await connection.only().tasks.count(filterOf(flags))
  if (flags.json) printJson({ count: found })
  else print(String(found))
  return EXIT.done
}

/** Returns the exit code. Throws FST_TASKS_UNCONFIRMED. */
export async function changeMany (
  connection: TaskConnection, command: ManyCommand, flags: ManyFlags
): Promise<number> {
  const { tasks, address } = connection.only()
  if (command !== 'retryMany' && !flags.yes && !await asked(tasks, address, command, flags)) {
    printErr('Nothing was changed')
    return EXIT.refused
  }
  const { state, ...rest } = filterOf(flags)
  const filter = command === 'retryMany' ? rest : { state, ...rest }
  const { limit, cursor, json } = flags
  const options: ManyOptions = { ...definedOnly({ limit, cursor }), ...(!json && { onProgress: showProgress }) }
  const result = await tasks[command](filter as TaskFilter<any>, options).catch((error: { cursor?: string }) => {
    if (error.cursor) printErr(`To go on from where it stopped: --cursor ${toJsonLine(error.cursor)}`)
    throw error
  })
  if (json) printJson(result)
  else print(`${result.matched} matched  ${result.changed} ${VERBS[command][1]}`)
  if (result.cursor !== null && !json) printErr(`There may be more: --cursor ${toJsonLine(result.cursor)}`)
  return EXIT.done
}

async function asked (
  tasks: FastifyTasks, address: string, command: ManyCommand, flags: ManyFlags
): Promise<boolean> {
  const found = await tasks.count(filterOf(flags), definedOnly({ limit: flags.limit }))
  const what = `${VERBS[command][0]} ${countedTasks(found)} (${flags.state.join(', ')}) at ${address}`
  return await confirmed(`${what[0]!.toUpperCase()}${what.slice(1)}?`, () => new errors.Unconfirmed(what))
}

/** For people who watch. */
function showProgress ({ lookedAt, matched, cursor }: ManyProgress): void {
  if (process.stderr.isTTY && cursor !== null) printErr(`looked at ${lookedAt}, ${matched} matched`)
}
