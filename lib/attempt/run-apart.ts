/**
 * Keeps the async contexts of the app's functions apart: handlers, hooks, `retryIf` and the others.
 */
import { AsyncResource } from 'node:async_hooks'

const NAME = 'fastify-tasks.attempt'
const OPTIONS = { requireManualDestroy: true }

/**
 * Calls a function of the app in a scope of its own: what it sets by `AsyncLocalStorage.enterWith` ends with it.
 * Otherwise it would be set for this worker, and so for all later tasks.
 */
export function runApart<T> (work: () => T): T {
  return new AsyncResource(NAME, OPTIONS).runInAsyncScope(work)
}
