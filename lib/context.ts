/**
 * Layer 0: which request the present code works for, found without being passed.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** The id of the request that is being handled, or that enqueued the task that is being run. */
export const currentRequest = new AsyncLocalStorage<string | undefined>()
