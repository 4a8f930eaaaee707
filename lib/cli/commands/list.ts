/**
 * Layer 4: `fastify-tasks list`: a page of tasks of one state.
 */
import { EXIT } from '../exit.ts'
import { paint, printJson, printTable, printErr } from '../output.ts'
import { ago, asJson, oneLine, shorten } from '../text.ts'
import type { TaskConnection } from '../connect.ts'
import type { TaskPage, TaskRecord, TaskState } from '../../types.ts'

export interface ListFlags {
  state: TaskState
  queue?: string
  name?: string
  limit: number
  cursor?: string
  json?: boolean
}

const INFO_WIDTH = 60

export async function list (source: TaskConnection, flags: ListFlags): Promise<number> {
  const page = await collect(source, flags)
  if (flags.json) printJson(page)
  else show(page, flags)
  return EXIT.done
}

/** Goes on to the next pages until there are as many as were asked for: those of other names, and empty queues, have none. */
async function collect (source: TaskConnection, { state, queue, name, limit, cursor: from }: ListFlags): Promise<TaskPage> {
  const { tasks } = source.only()
  const found: TaskRecord[] = []
  let cursor: string | null | undefined = from
  do {
    const page: TaskPage = await tasks.list({ state, queue, name, limit: limit - found.length, cursor })
    found.push(...page.tasks)
    cursor = page.cursor
  } while (cursor !== null && found.length < limit)
  return { tasks: found, cursor }
}

const HEADS = ['ID', 'NAME', 'QUEUE', 'STATE', 'ATTEMPT', 'ENQUEUED', 'STARTED', 'FINISHED', 'INFO']

function show ({ tasks, cursor }: TaskPage, { state }: ListFlags): void {
  if (tasks.length > 0) printTable(HEADS, tasks.map(row))
  else printErr(`No ${state} tasks`)
  if (cursor !== null) printErr(`There may be more: --cursor ${asJson(cursor)}`)
}

const row = (task: TaskRecord): string[] => [
  oneLine(task.id), oneLine(task.name), task.queue, paint(task.state), `${task.attempt}/${task.attempts}`,
  ago(task.enqueuedAt), ago(task.startedAt), ago(task.finishedAt), info(task)
]

/** What went wrong, or how far it is. */
function info ({ error, stage, progress }: TaskRecord): string {
  if (error) return shorten(`${error.message}${error.code ? ` [${error.code}]` : ''}`, INFO_WIDTH)
  return shorten([stage ?? '', progress === null ? '' : asJson(progress)].join(' '), INFO_WIDTH)
}
