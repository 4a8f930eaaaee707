/**
 * `fastify-tasks list`: a page of the tasks in one state.
 */
import { EXIT } from '../exit.ts'
import { paint, printJson, printTable, printErr } from '../output.ts'
import { ago, toJsonLine, oneLine, shorten } from '../text.ts'
import type { TaskConnection } from '../connect.ts'
import type { ListOptions, TaskPage, TaskRecord, TaskState } from '../../types.ts'

export interface ListFlags {
  state?: TaskState
  tag?: string
  queue?: string
  name?: string
  limit: number
  cursor?: string
  json?: boolean
}

const INFO_WIDTH = 60

/** Returns the exit code. */
export async function list (connection: TaskConnection, flags: ListFlags): Promise<number> {
  const page = await collect(connection, flags)
  if (flags.json) printJson(page)
  else printAll(page, flags)
  return EXIT.done
}

/** Reads pages until there are `limit` tasks: a page of tasks with other names, or of an empty queue, has none. */
async function collect (connection: TaskConnection, flags: ListFlags): Promise<TaskPage> {
  const { tag, queue, name, limit } = flags
  const state = flags.state ?? (tag === undefined ? 'waiting' : undefined)
  const { tasks } = connection.only()
  const found: TaskRecord[] = []
  let cursor: string | null | undefined = flags.cursor
  do {
    const options = { state, tag, queue, name, limit: limit - found.length, cursor } as ListOptions
    const page: TaskPage = await tasks.list(options)
    found.push(...page.tasks)
    cursor = page.cursor
  } while (cursor !== null && found.length < limit)
  return { tasks: found, cursor }
}

const TITLES = ['ID', 'NAME', 'QUEUE', 'STATE', 'ATTEMPT', 'ENQUEUED', 'STARTED', 'FINISHED', 'INFO']

function printAll ({ tasks, cursor }: TaskPage, { tag, state }: ListFlags): void {
  if (tasks.length > 0) printTable(TITLES, tasks.map(row))
  else printErr(tag === undefined ? `No ${state ?? 'waiting'} tasks` : `No tasks with the tag ${oneLine(tag)}`)
  if (cursor !== null) printErr(`There may be more: --cursor ${toJsonLine(cursor)}`)
}

const row = (task: TaskRecord): Array<string | ReturnType<typeof paint>> => [
  oneLine(task.id), oneLine(task.name), task.queue, paint(task.state), `${task.attempt}/${task.attempts}`,
  ago(task.enqueuedAt), ago(task.startedAt), ago(task.finishedAt), info(task)
]

/** The error, or the progress. */
function info ({ error, stage, progress }: TaskRecord): string {
  if (error) return shorten(`${error.message}${error.code ? ` [${error.code}]` : ''}`, INFO_WIDTH)
  return shorten([stage ?? '', progress === null ? '' : toJsonLine(progress)].join(' '), INFO_WIDTH)
}
