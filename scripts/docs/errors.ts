/** The tables of docs/reference/errors.md: each `createError` of lib/, in the source's order and under its titles. */
import { capital, code, sentence, table } from './markdown.ts'
import { literal, readCalls } from './source.ts'

/** For messages that do not end with what to do, or whose end depends on the case. */
const fixes: Record<string, string> = {
  FST_TASKS_PLUGIN_OPTION_INVALID: 'The message ends with an example of a value that fits.',
  FST_TASKS_OPTION_CLASH: 'Leave out or change one of the two. The message says which.',
  FST_TASKS_OPTION_MISSING: 'Give one of the two. The message has an example.',
  FST_TASKS_NAME_INVALID: 'Choose a name of these characters.',
  FST_TASKS_SCHEMA_INVALID: 'Correct the schema, or use one that the compilers of this scope take.',
  FST_TASKS_TASK_OPTION_INVALID: 'The message ends with an example of a value that fits.',
  FST_TASKS_SCHEDULE_ID_INVALID: 'Choose an id of these characters.',
  FST_TASKS_SCHEDULE_OPTION_INVALID: 'The message ends with an example of a value that fits.',
  FST_TASKS_SCHEDULE_NOT_FOUND: 'Check the id and the prefix: `fastify-tasks schedules` lists all schedules.',
  FST_TASKS_FLOW_OPTION_INVALID: 'The message ends with an example of a value that fits.',
  FST_TASKS_FLOW_FAILED: 'Read the record of the member; `fastify.tasks.retry(flowId)` goes on from there.',
  FST_TASKS_FLOW_TIMEOUT: 'Raise `lifetime`, start more workers, or retry the flow.',
  FST_TASKS_FLOW_CLOSED: 'Add members while the member that adds is running.',
  FST_TASKS_FLOW_KEY_INVALID: 'Choose a key of these characters.',
  FST_TASKS_FLOW_RESULT_GONE: 'Give the member a longer `resultTtl`, or enqueue the flow again.',
  FST_TASKS_NOT_IN_FLOW: 'Check `task.flow`, or enqueue the task in a flow.',
  FST_TASKS_REDIS_UNAVAILABLE: 'Try again later. Enqueue with the id in `error.taskId`, which makes one task, not two.',
  FST_TASKS_CLOSED: 'The message says what was given up. Ask another process, or call before the app closes.',
  FST_TASKS_APP_INVALID: 'Name the file whose default export is the app plugin.',
  FST_TASKS_NO_REDIS_SERVER: 'Install `redis-server` or `valkey-server`, or name a Redis: `REDIS_URL`, `--redis`.',
  FST_TASKS_DATA_REFUSED: 'Enqueue data that fits the schema of the workers. It is not tried again.',
  FST_TASKS_TIMEOUT: 'Raise `timeout`, or do less in one task. It is tried again if attempts are left.',
  FST_TASKS_STALLED: 'Look for what kills the worker or blocks its event loop; give CPU-bound work a thread.',
  FST_TASKS_CLAIM_LOST: 'Stop the handler. Nothing it does from now on counts.',
  FST_TASKS_SHUTDOWN: 'Stop the handler. The task runs again in another worker.',
  FST_TASKS_RESULT_INVALID: 'Return what JSON can carry: no functions, BigInts or cycles. Not tried again.',
  FST_TASKS_RESULT_TOO_LARGE: 'Store it elsewhere and return its address, or raise `maxResultSize`. Not tried again.',
  FST_TASKS_PROGRESS_INVALID: 'Report less, or raise `maxProgressSize`.',
  FST_TASKS_UNRECOVERABLE: 'The handler threw it on purpose: its message says why. It is not tried again.',
  FST_TASKS_SNOOZED: 'Nothing to do: the handler put its task off, and no attempt was spent.',
  FST_TASKS_RATE_LIMITED: 'Nothing to do: the handler was refused by a service, and no attempt was spent.',
  FST_TASKS_NOT_FOUND: 'Check the id, the prefix and the queues. A longer `resultTtl` keeps records longer.',
  FST_TASKS_FINISHED: 'Nothing to do: the task has ended.',
  FST_TASKS_FAILED: 'Read `error.cause` and `error.record`; `fastify.tasks.retry(id)` queues it again.',
  FST_TASKS_CANCELLED: 'Enqueue it again if it is still wanted.',
  FST_TASKS_EXPIRED: 'Enqueue it again, with a later `expires` or more workers.',
  FST_TASKS_RESULT_TIMEOUT: 'Wait longer, or read its status later: the task goes on.'
}

const TITLES = ['Code', 'Status', 'Meaning', 'What to do']

/** A message ends with the fix, in sentences of its own. */
const FIX = /\. (?=[A-Z%])/

const readable = (text: string): string => text.replaceAll(/%[sd]/g, '…')

function row (errorCode: string, message: string, status: string): string[] {
  const [meaning, ...rest] = message.split(FIX) as [string, ...string[]]
  const fix = fixes[errorCode] ?? rest.join('. ')
  if (fix === '' || fix === '%s') throw new Error(`${errorCode} has no fix: add one to scripts/docs/errors.ts`)
  return [code(errorCode), status, sentence(readable(meaning)), sentence(readable(fix))]
}

/** All of it, as Markdown. */
export function errorTables (): string {
  const groups = new Map<string, string[][]>()
  for (const { args, group } of readCalls('createError')) {
    const [errorCode, message, status] = args.map(literal) as [string, string, string]
    groups.set(group, [...groups.get(group) ?? [], row(errorCode, message, status)])
  }
  const codes = [...groups.values()].flat().map(cells => cells[0])
  const gone = Object.keys(fixes).filter(known => !codes.includes(code(known)))
  if (gone.length > 0) throw new Error(`scripts/docs/errors.ts explains what is gone: ${gone.join(', ')}`)
  return [...groups].map(([group, rows]) => `## ${capital(group)}\n\n${table([TITLES, ...rows])}`).join('\n\n')
}
