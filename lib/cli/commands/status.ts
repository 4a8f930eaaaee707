/**
 * `fastify-tasks status ID`: everything that is known about one task; of a flow its members too, page by page.
 */
import * as errors from '../../errors.ts'
import { EXIT, printError } from '../exit.ts'
import { printTree } from '../flow-tree.ts'
import { paint, printFields, printJson, printErr } from '../output.ts'
import { span } from '../../schedules/in-words.ts'
import { ago, toJsonLine, cleanText, oneLine } from '../text.ts'
import type { PluginInstance, WholeTask } from '../../boot/app-registry.ts'
import type { TaskConnection } from '../connect.ts'
import type { FlowListOptions, TaskRecord } from '../../types.ts'

export interface TaskFlags { queue?: string, json?: boolean }
export interface StatusFlags extends TaskFlags { full?: boolean, limit: number, cursor?: string }

/** Returns the exit code. */
export async function status (connection: TaskConnection, id: string, flags: StatusFlags): Promise<number> {
  const found = await find(connection, id, flags.queue)
  if (!found) return await reportUnknown(connection, id, flags.json)
  const record: TaskRecord = { ...found.task.record, ...(flags.full ? hiddenParts(found.task) : {}) }
  const members = flowOf(found, flags)
  if (flags.json) {
    printJson(members ? { ...record, members: await found.registered.tasks.list(members) } : record)
    return EXIT.done
  }
  printAll(record)
  if (members) printTree(await found.registered.listBriefs(members))
  return EXIT.done
}

/** For a page of the members of a flow. Null for a task, also for one that is a member. */
function flowOf (
  { task: { record: { id, flow } } }: FoundTask, { limit, cursor }: StatusFlags
): FlowListOptions | null {
  return flow === null || flow.key !== null ? null : { flow: id, limit, ...cursor !== undefined && { cursor } }
}

interface FoundTask { registered: PluginInstance, task: WholeTask }

/**
 * Those that have the task, or all if none has it; if a queue is named, of those that have the queue. If none has that,
 * all: their error names the queues that there are. Throws FST_TASKS_INSTANCE_AMBIGUOUS.
 */
export async function instancesWith (
  { instances }: TaskConnection, id: string, queue: string | undefined
): Promise<readonly PluginInstance[]> {
  const known = instances.filter(({ knownQueues }) => queue === undefined || knownQueues().includes(queue))
  const all = known.length > 0 ? known : instances
  if (all.length === 1) return all
  const tasks = await Promise.all(all.map(instance => instance.readTask(id, queue)))
  const found = all.filter((_instance, i) => tasks[i])
  // Two instances with one prefix have the same task.
  const names = new Map(found.map(({ address, prefix, tasks: { name } }) => [`${address} ${prefix}`, name]))
  const [first] = names.values()
  if (names.size > 1) throw new errors.InstanceAmbiguous(id, [...names.values()].join(', '), first)
  return found.length > 0 ? found : all
}

/** The first instance that has the task, and the task. */
export async function find (
  connection: TaskConnection, id: string, queue: string | undefined
): Promise<FoundTask | null> {
  for (const registered of await instancesWith(connection, id, queue)) {
    const task = await registered.readTask(id, queue)
    if (task) return { registered, task }
  }
  return null
}

/** What a record does not show. Whoever has access to Redis may see it. */
const hiddenParts = ({ record: { error }, data, stack }: WholeTask): Partial<TaskRecord> =>
  ({ data, ...(error && stack ? { error: { ...error, stack } } : {}) })

/** Prints where the task was looked for: with a wrong prefix a task seems not to exist. Returns the exit code. */
export async function reportUnknown (
  { instances }: TaskConnection, id: string, json: boolean | undefined, outcome: unknown = null
): Promise<number> {
  if (json) printJson(outcome)
  printError(new errors.TaskNotFound(id))
  for (const { tasks, address } of instances) {
    const queues = Object.keys(await tasks.counts())
    printErr(`  looked for in ${address}, queues ${queues.join(', ')}`)
  }
  return EXIT.unknown
}

const time = (iso: string | null): string => iso === null ? '-' : `${iso} (${ago(iso)} ago)`
const due = (iso: string | null): string => iso === null ? '-' : `${iso} (in ${span(Date.parse(iso) - Date.now())})`
const json = (value: unknown): string => value === null || value === undefined ? '-' : toJsonLine(value)

function errorText ({ error }: TaskRecord): string {
  if (!error) return '-'
  return cleanText(`${error.name}: ${error.message}${error.code ? ` [${error.code}]` : ''}`)
}

function printAll (record: TaskRecord): void {
  const { data, error, stage, blockedBy, tags } = record
  const hidden: Array<[string, string]> = []
  if (data !== undefined) hidden.push(['data', json(data)])
  if (error?.stack !== undefined) hidden.push(['stack', cleanText(error.stack)])
  printFields([
    ['id', oneLine(record.id)],
    ['name', oneLine(record.name)],
    ['queue', record.queue],
    ['state', paint(record.state)],
    ...blockedBy ? [['blocked by', oneLine(blockedBy.text)] as [string, string]] : [],
    ...tags.length > 0 ? [['tags', oneLine(tags.join(' '))] as [string, string]] : [],
    ['stage', stage === null ? '-' : oneLine(stage)],
    ['progress', json(record.progress)],
    ['attempt', `${record.attempt} of ${record.attempts}`],
    ['enqueued', time(record.enqueuedAt)],
    ['due', due(record.dueAt)],
    ['started', time(record.startedAt)],
    ['finished', time(record.finishedAt)],
    ['result', json(record.result)],
    ['error', errorText(record)],
    ...hidden
  ])
}
