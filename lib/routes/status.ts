/**
 * `GET /tasks/:id`: the record of a task, with an ETag and Retry-After. With `Prefer: wait=20` a long poll.
 */
import type { FastifyReply } from 'fastify'
import { isTerminal } from '../records/task-record.ts'
import { recordChanges } from '../tasks/record-changes.ts'
import { clientDisconnect } from './client-disconnect.ts'
import { etagOf } from './etag.ts'
import { checkVisible } from './visible-task.ts'
import type { FoundTask } from '../tasks/lookup.ts'
import type { TaskRecord } from '../types.ts'
import type { IdRequest, RouteContext } from './route-context.ts'

/** The longest wait, in seconds: proxies give up after about as long. */
const MAX_WAIT_S = 60
/** The largest Retry-After, in seconds. */
const MAX_RETRY_AFTER_S = 3_600

/** Throws FST_TASKS_NOT_FOUND. This route is called most, so it makes no promise that it does not need. */
export function getStatus (context: RouteContext, request: IdRequest, reply: FastifyReply): Promise<TaskRecord> {
  const { registry } = context
  return registry.find(request.params.id).then(found => {
    const visible = checkVisible(registry, request, found)
    const wait = waitOf(request)
    if (visible instanceof Promise || wait !== null) return answerLater(context, visible, wait, request, reply)
    return answer(context, visible, visible.record, reply)
  })
}

async function answerLater (
  context: RouteContext, visible: FoundTask | Promise<FoundTask>, wait: number | null, request: IdRequest,
  reply: FastifyReply
): Promise<TaskRecord> {
  const found = await visible
  if (wait === null) return answer(context, found, found.record, reply)
  reply.header('preference-applied', `wait=${wait}`)
  const known = request.headers['if-none-match'] ?? etagOf(found.record)
  const signal = AbortSignal.any([context.closing, AbortSignal.timeout(wait * 1_000), clientDisconnect(reply)])
  return answer(context, found, await nextChange(context, found.record, known, signal), reply)
}

function answer (
  { registry, closing }: RouteContext, { delayedTo }: FoundTask, record: TaskRecord, reply: FastifyReply
): TaskRecord {
  if (closing.aborted) reply.header('connection', 'close') // a connection that stays open holds up the close
  reply.header('etag', etagOf(record))
  if (!isTerminal(record.state)) reply.header('retry-after', retryAfter(record, delayedTo, registry.clock.now()))
  return record
}

/** The wait of the Prefer header (RFC 7240), in seconds. Null if there is none. */
function waitOf ({ headers: { prefer } }: IdRequest): number | null {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i.exec(String(prefer ?? ''))
  return match ? Math.min(Number(match[1]), MAX_WAIT_S) : null
}

/** The first record with another ETag than `known`. The last record that was read, if the signal is aborted first. */
async function nextChange (
  { registry }: RouteContext, record: TaskRecord, known: string, signal: AbortSignal
): Promise<TaskRecord> {
  let last = record
  try {
    for await (last of recordChanges(registry, record.id, signal, record.queue)) if (etagOf(last) !== known) break
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return last
}

/** When it makes sense to ask again: in seconds, at least 1. */
function retryAfter ({ state }: TaskRecord, delayedTo: number | undefined, now: number): string {
  const ms = state === 'delayed' && delayedTo !== undefined ? delayedTo - now : 0
  return String(Math.min(MAX_RETRY_AFTER_S, Math.max(1, Math.ceil(ms / 1_000))))
}
