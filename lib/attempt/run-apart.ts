/**
 * Keeps the async contexts of handlers apart.
 */
import { AsyncResource } from 'node:async_hooks'

const NAME = 'fastify-tasks.attempt'
const OPTIONS = { requireManualDestroy: true }

/**
 * Calls a handler in a scope of its own: what it sets by `AsyncLocalStorage.enterWith` ends with it. Otherwise it would
 * be set for this worker, and so for all later tasks.
 */
export function runApart<T> (handler: () => T): T {
  return new AsyncResource(NAME, OPTIONS).runInAsyncScope(handler)
}
