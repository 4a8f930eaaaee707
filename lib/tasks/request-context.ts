/**
 * Async context (AsyncLocalStorage): the request or the task that the current code runs for.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyRequest } from 'fastify'
import { requestIdOf, traceparentOf, tracestateOf, type Origin } from '../records/origin.ts'
import type { TaskTrace } from '../types.ts'

/**
 * The request that is being handled, or the origin of the task that is running. The request itself: its id and headers
 * are read at an enqueue, so that a request that enqueues nothing pays nothing for it.
 */
const current = new AsyncLocalStorage<FastifyRequest | Origin | undefined>()

/** Runs the handling of a request. */
export function runInRequest (request: FastifyRequest, work: () => void): void {
  current.run(request, work)
}

/**
 * Calls `run(work)` for a task of this origin. On Node 20 the first `run` of a store makes all promises of the process
 * slower, so that is skipped if there is no context to set or to leave.
 */
export function runWithOrigin<T> (origin: Origin | undefined, run: (work: () => T) => T, work: () => T): T {
  return origin === undefined && current.getStore() === undefined ? run(work) : current.run(origin, run, work)
}

/** The parameters in the path of the request that is being handled. */
export function currentParams (): Record<string, unknown> {
  const context = current.getStore()
  return context && 'raw' in context ? context.params as Record<string, unknown> : {}
}

/** The trace of the span that enqueues tasks. `isBatch`: it enqueues many. */
type EnqueueTrace = TaskTrace & { isBatch: boolean }

const enqueuing = new AsyncLocalStorage<EnqueueTrace>()

/** Runs an enqueue whose tasks take this trace with them, instead of that of the request. */
export function runWithTrace<T> (trace: EnqueueTrace, enqueue: () => T): T { return enqueuing.run(trace, enqueue) }

/**
 * The origin of a task that is enqueued now.
 * @param ofRequests whether a request is one: another instance of the plugin may know it
 */
export function currentOrigin (ofRequests = true): Origin & { isBatch?: boolean } | undefined {
  const context = current.getStore()
  const isRequest = context !== undefined && 'raw' in context
  const origin = !isRequest ? context : ofRequests ? originOf(context) : undefined
  const trace = enqueuing.getStore()
  return trace ? { ...origin, tracestate: undefined, ...trace } : origin // that of the request is of another trace
}

function originOf ({ id, headers }: FastifyRequest): Origin {
  const traceparent = traceparentOf(headers.traceparent)
  const tracestate = traceparent && tracestateOf(headers.tracestate)
  // genReqId may return a number, although its type says string.
  return { reqId: requestIdOf(typeof id === 'number' ? String(id) : id), traceparent, tracestate }
}
