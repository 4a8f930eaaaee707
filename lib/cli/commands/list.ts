/**
 * `fastify-tasks list`: a page of the tasks in one state.
 */
import { EXIT } from '../exit.ts'
import { paint, printJson, printTable, printErr } from '../output.ts'
import { ago, toJsonLine, oneLine, shorten } from '../text.ts'
import type { TaskConnection } from '../connect.ts'
import type { BriefRecord } from '../../boot/app-registry.ts'
import type { ListOptions, TaskState } from '../../types.ts'

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
  const { tasks, listBriefs } = connection.only()
  if (flags.json) printJson(await collect(options => tasks.list(options), flags))
  else printAll(await collect(options => listBriefs(options), flags), flags)
  return EXIT.done
}

interface Page<T> { tasks: T[], cursor: string | null }

/** Reads pages until there are `limit` tasks: a page of tasks with other names, or of an empty queue, has none. */
async function collect<T> (
  read: (options: ListOptions) => Promise<Page<T>>, flags: ListFlags
): Promise<Page<T>> {
  const { tag, queue, name, limit } = flags
  const state = flags.state ?? (tag === undefined ? 'waiting' : undefined)
  const found: T[] = []
  let cursor: string | null | undefined = flags.cursor
  do {
    const options = { state, tag, queue, name, limit: limit - found.length, cursor } as ListOptions
    const page: Page<T> = await read(options)
    found.push(...page.tasks)
    cursor = page.cursor
  } while (cursor !== null && found.length < limit)
  return { tasks: found, cursor }
}

const TITLES = ['ID', 'NAME', 'QUEUE', 'STATE', 'ATTEMPT', 'ENQUEUED', 'STARTED', 'FINISHED', 'INFO']

function printAll ({ tasks, cursor }: Page<BriefRecord>, { tag, state }: ListFlags): void {
  if (tasks.length > 0) printTable(TITLES, tasks.map(row))
  else printErr(tag === undefined ? `No ${state ?? 'waiting'} tasks` : `No tasks with the tag ${oneLine(tag)}`)
  if (cursor !== null) printErr(`There may be more: --cursor ${toJsonLine(cursor)}`)
}

const row = (task: BriefRecord): Array<string | ReturnType<typeof paint>> => [
  oneLine(task.id), oneLine(task.name), task.queue, paint(task.state), `${task.attempt}/${task.attempts}`,
  ago(task.enqueuedAt), ago(task.startedAt), ago(task.finishedAt), info(task)
]

/** The error, or the progress. */
function info ({ error, stage, progress }: BriefRecord): string {
  if (error) return shorten(`${error.message}${error.code ? ` [${error.code}]` : ''}`, INFO_WIDTH)
  return shorten([stage ?? '', progress === null ? '' : toJsonLine(progress)].join(' '), INFO_WIDTH)
}
