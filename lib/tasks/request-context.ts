/**
 * Layer 0: on whose behalf the present code runs, found without being passed.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyRequest } from 'fastify'
import { requestIdOf, traceparentOf, tracestateOf, type Origin } from '../records/origin.ts'

/**
 * The request that is being handled, as it is: it is read when something is enqueued, so that a request that enqueues
 * nothing pays nothing for it. Or the origin of the task that runs.
 */
const current = new AsyncLocalStorage<FastifyRequest | Origin | undefined>()

/** Runs what handles a request. */
export function runInRequest (request: FastifyRequest, work: () => void): void {
  current.run(request, work)
}

/** Runs a task of this origin. On Node 20 the first `run` makes every promise of the process slower: not where there is none. */
export function runWithOrigin<T> (origin: Origin | undefined, work: () => T): T {
  return origin === undefined && current.getStore() === undefined ? work() : current.run(origin, work)
}

/** What rides along with a task that is enqueued now. */
export function currentOrigin (): Origin | undefined {
  const found = current.getStore()
  return found && 'raw' in found ? originOf(found) : found
}

function originOf ({ id, headers }: FastifyRequest): Origin {
  const traceparent = traceparentOf(headers.traceparent)
  // What genReqId gives may be a number, whatever its type says.
  return { reqId: requestIdOf(typeof id === 'number' ? String(id) : id), traceparent, tracestate: traceparent && tracestateOf(headers.tracestate) }
}
