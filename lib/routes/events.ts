/**
 * `GET /tasks/:id/events`: every change of a task as server-sent events, from its current state until it has finished.
 */
import type { FastifyReply } from 'fastify'
import * as errors from '../errors.ts'
import { toLoggable } from '../records/failure.ts'
import { isTerminal } from '../records/task-record.ts'
import { recordChanges } from '../tasks/record-changes.ts'
import { WaitEnd } from '../tasks/wait-end.ts'
import { acceptsEvents } from './accept.ts'
import { clientDisconnect } from './client-disconnect.ts'
import { eventIdOf } from './etag.ts'
import type { FoundTask } from '../tasks/found-task.ts'
import type { TaskRecord } from '../types.ts'
import { queueOf, type IdRequest, type RouteContext } from './route-context.ts'

/** A client that reads so slowly that this many bytes wait for it is disconnected. */
const MAX_BACKLOG_BYTES = 1_048_576
/** When a client comes back that came while Redis did not answer, in ms. */
const RETURN_AFTER_MS = 2_000

/**
 * Asks `authorize` before each event, too.
 * @throws FST_TASKS_NOT_FOUND, FST_TASKS_EVENTS_REFUSED, FST_TASKS_REDIS_UNAVAILABLE, FST_TASKS_TOO_MANY_WAITS
 */
export async function streamEvents (context: RouteContext, request: IdRequest, reply: FastifyReply): Promise<unknown> {
  const { registry } = context
  if (!acceptsEvents(request.headers.accept)) throw new errors.EventsRefused()
  const found = await registry.findVisible(request, request.params.id, queueOf(request)).catch(unlessOutage(request))
  if (!found) return askToReturn(reply)
  const isKnown = request.headers['last-event-id'] === eventIdOf(found.record)
  if (isTerminal(found.record.state) && isKnown) return reply.code(204).send()
  const leave = context.waits.enter(request)
  try {
    await sendChanges(context, found, request, reply)
  } finally {
    leave()
  }
}

async function sendChanges (
  { registry, closing }: RouteContext, first: FoundTask, request: IdRequest, reply: FastifyReply
): Promise<void> {
  const ends = new WaitEnd({ signals: [closing, clientDisconnect(reply)] })
  // Now, not with the first event: a client that already has the current state gets none, and is connected too.
  sendHeaders(reply)
  try {
    for await (const found of recordChanges(registry, first, ends.signal)) {
      push(reply, (await registry.checkVisible(request, request.params.id, found)).record)
    }
  } catch (error) {
    // The headers have been sent, so the stream can only end. The client reconnects with its last id.
    if (ends.signal.aborted || error instanceof errors.TaskNotFound) return // or it may not see the task any more
    const fields = { event: 'stream.failed', taskId: first.record.id, err: toLoggable(error) }
    request.log.warn(fields, 'event stream of a task ended early: the client has to reconnect')
  } finally {
    ends.dispose()
  }
}

/** Null if Redis does not answer, and the client says that it wants events, as each EventSource does. */
const unlessOutage = ({ headers: { accept } }: IdRequest) => (error: unknown): null => {
  if (error instanceof errors.RedisUnavailable && /text\/event-stream/i.test(accept ?? '')) return null
  throw error
}

/**
 * An EventSource that gets another status than 200 never comes back, and the task goes on without it. It comes back
 * after a stream that ends, however often.
 */
function askToReturn (reply: FastifyReply): void {
  sendHeaders(reply)
  reply.raw.write(`retry: ${RETURN_AFTER_MS}\n\n`)
}

function sendHeaders (reply: FastifyReply): void {
  const { raw } = reply
  if ('stream' in raw) { // HTTP/2 has no Connection header, and Node warns of it
    const { setHeader } = raw
    raw.setHeader = (name, value) => /^connection$/i.test(name) ? raw : setHeader.call(raw, name, value)
  }
  reply.header('content-type', 'text/event-stream') // a hook of the app may have set that of its own replies
  reply.sse.sendHeaders()
  raw.flushHeaders()
}

function push (reply: FastifyReply, record: TaskRecord): void {
  const id = eventIdOf(record)
  if (id === reply.sse.lastEventId) return
  if (reply.raw.writableLength > MAX_BACKLOG_BYTES) return void reply.raw.destroy()
  // Not awaited: if the client has disconnected, it never settles.
  reply.sse.send({ id, data: record }).catch(() => {})
}
