/**
 * Layer 4: `fastify-tasks status ID`: all that is known of one task.
 */
import * as errors from '../../errors.ts'
import { EXIT, printError } from '../exit.ts'
import { paint, printFields, printJson, printErr } from '../output.ts'
import { ago, asJson, cleanText, oneLine } from '../text.ts'
import type { PluginInstance } from '../../standalone.ts'
import type { TaskConnection } from '../connect.ts'
import type { TaskRecord } from '../../types.ts'

export interface StatusFlags { full?: boolean, json?: boolean }

export async function status (source: TaskConnection, id: string, flags: StatusFlags): Promise<number> {
  const found = await find(source, id)
  if (!found) return await unknown(source, id, flags.json)
  const shown: TaskRecord = { ...found.record, ...(flags.full ? await inside(found) : {}) }
  if (flags.json) printJson(shown)
  else show(shown)
  return EXIT.done
}

interface FoundIn { registered: PluginInstance, record: TaskRecord }

async function find ({ all }: TaskConnection, id: string): Promise<FoundIn | null> {
  for (const registered of all) {
    const record = await registered.tasks.status(id)
    if (record) return { registered, record }
  }
  return null
}

/** What a record does not show: whoever may look into Redis may see it. */
async function inside ({ registered, record }: FoundIn): Promise<Partial<TaskRecord>> {
  const { data, stack } = await registered.readTask?.(record.id) ?? {}
  return { data, ...(record.error && stack ? { error: { ...record.error, stack } } : {}) }
}

/** Says where it was looked for: a wrong prefix looks like a task that is not there. */
export async function unknown ({ all }: TaskConnection, id: string, json: boolean | undefined, outcome: unknown = null): Promise<number> {
  if (json) printJson(outcome)
  printError(new errors.TaskNotFound(id))
  for (const { tasks, address } of all) printErr(`  looked for in ${address}, queues ${Object.keys(await tasks.counts()).join(', ')}`)
  return EXIT.unknown
}

const time = (iso: string | null): string => iso === null ? '-' : `${iso} (${ago(iso)} ago)`
const json = (value: unknown): string => value === null || value === undefined ? '-' : asJson(value)

function show ({ id, name, queue, state, stage, progress, attempt, attempts, enqueuedAt, startedAt, finishedAt, result, error, data }: TaskRecord): void {
  printFields([
    ['id', oneLine(id)],
    ['name', oneLine(name)],
    ['queue', queue],
    ['state', paint(state)],
    ['stage', stage === null ? '-' : oneLine(stage)],
    ['progress', json(progress)],
    ['attempt', `${attempt} of ${attempts}`],
    ['enqueued', time(enqueuedAt)],
    ['started', time(startedAt)],
    ['finished', time(finishedAt)],
    ['result', json(result)],
    ['error', error ? cleanText(`${error.name}: ${error.message}${error.code ? ` [${error.code}]` : ''}`) : '-'],
    ...(data === undefined ? [] : [['data', json(data)] as [string, string]]),
    ...(error?.stack === undefined ? [] : [['stack', cleanText(error.stack)] as [string, string]])
  ])
}
