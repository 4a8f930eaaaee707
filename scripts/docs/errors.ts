/** The tables of docs/reference/errors.md: every `createError` of lib/, in the order and under the titles of the source. */
import { capital, code, sentence, table } from './markdown.ts'
import { literal, readCalls } from './source.ts'

/** For messages that do not end with what to do, or whose end depends on the case. */
const fixes: Record<string, string> = {
  FST_TASKS_PLUGIN_OPTION_INVALID: 'The message ends with an example of a value that fits.',
  FST_TASKS_OPTION_CLASH: 'Leave out one of the two. The message says which.',
  FST_TASKS_NAME_INVALID: 'Choose a name of these characters.',
  FST_TASKS_SCHEMA_INVALID: 'Correct the schema, or use one that the compilers of this scope take.',
  FST_TASKS_TASK_OPTION_INVALID: 'The message ends with an example of a value that fits.',
  FST_TASKS_REDIS_UNAVAILABLE: 'Try again later. An enqueue: again with the id in `error.taskId`, which makes one task, not two.',
  FST_TASKS_APP_INVALID: 'Name the file whose default export is the app plugin.',
  FST_TASKS_NO_REDIS_SERVER: 'Install `redis-server` or `valkey-server`, or name a Redis with `REDIS_URL` or `--redis`.',
  FST_TASKS_DATA_REFUSED: 'Enqueue data that fits the schema of the workers. It is not tried again.',
  FST_TASKS_TIMEOUT: 'Raise `timeout`, or do less in one task. It is tried again if attempts are left.',
  FST_TASKS_STALLED: 'Look for what kills the worker or blocks its event loop; give CPU-bound work a thread.',
  FST_TASKS_CLAIM_LOST: 'Stop the handler. Nothing it does from now on counts.',
  FST_TASKS_SHUTDOWN: 'Stop the handler. The task runs again in another worker.',
  FST_TASKS_RESULT_INVALID: 'Return plain objects, arrays, strings, finite numbers, booleans or null. It is not tried again.',
  FST_TASKS_RESULT_TOO_LARGE: 'Store the result elsewhere and return its address, or raise `maxResultSize`. It is not tried again.',
  FST_TASKS_PROGRESS_INVALID: 'Report less, or raise `maxProgressSize`.',
  FST_TASKS_UNRECOVERABLE: 'The handler threw it on purpose: its message says why. It is not tried again.',
  FST_TASKS_NOT_FOUND: 'Check the id, the prefix and the queues. A longer `resultTtl` keeps records longer.',
  FST_TASKS_FINISHED: 'Nothing to do: the task has ended.',
  FST_TASKS_FAILED: 'Read `error.cause` and `error.record`; `fastify.tasks.retry(id)` queues it again.',
  FST_TASKS_CANCELLED: 'Enqueue it again if it is still wanted.',
  FST_TASKS_EXPIRED: 'Enqueue it again, with a later `expires` or more workers.',
  FST_TASKS_RESULT_TIMEOUT: 'Wait longer, or read its status later: the task goes on.'
}

/** A message ends with the fix, in sentences of its own. */
const FIX = /\. (?=[A-Z%])/

const readable = (text: string): string => text.replaceAll(/%[sd]/g, '…')

function row (errorCode: string, message: string, status: string): string[] {
  const [meaning, ...rest] = message.split(FIX) as [string, ...string[]]
  const fix = fixes[errorCode] ?? rest.join('. ')
  if (fix === '' || fix === '%s') throw new Error(`${errorCode} does not say what to do: end its message with that, or add it to scripts/docs/errors.ts`)
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
  for (const known of Object.keys(fixes)) if (!codes.includes(code(known))) throw new Error(`scripts/docs/errors.ts explains ${known}, which is gone`)
  return [...groups].map(([group, rows]) => `## ${capital(group)}\n\n${table([['Code', 'Status', 'Meaning', 'What to do'], ...rows])}`).join('\n\n')
}
