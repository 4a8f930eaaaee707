/**
 * The options that are stored in the record of a new task.
 */
import { randomUUID } from 'node:crypto'
import { defaults, timeOf, type Settings } from '../options.ts'
import { currentOrigin } from './request-context.ts'
import type { StoredOptions } from '../records/task-record.ts'
import type { StoreClock } from '../store/store-contract.ts'
import type { EnqueueOptions } from '../types.ts'
import type { Definition } from './definition.ts'

/**
 * Those of the enqueue, then of the task, then of the plugin.
 * @param withOrigin whether it continues the present request or task
 */
export function storedOptions (
  { options: task }: Definition, given: EnqueueOptions, settings: Settings, clock: StoreClock, withOrigin = true
): StoredOptions {
  const retries = given.retries ?? task.retries ?? settings.retries
  const timeout = given.timeout ?? task.timeout ?? settings.timeout
  const ttl = task.resultTtl ?? settings.resultTtl
  const options: StoredOptions = { timestamp: clock.now(), attempts: 1 + retries }
  if (retries > 0) {
    options.retries = retries
    options.backoff = given.backoff ?? task.backoff ?? settings.backoff
  }
  if (timeout > 0) options.timeout = timeout
  if (task.resultTtl !== undefined || ttl !== defaults.resultTtl) options.ttl = ttl
  const priority = given.priority ?? task.priority
  if (priority !== undefined && priority !== 'normal') options.priority = priority
  addTimes(options, given, clock)
  if (given.id !== undefined) options.nonce = randomUUID()
  if (given.tags !== undefined && given.tags.length > 0) options.tags = [...new Set(given.tags)]
  if (withOrigin) addOrigin(options, settings.requestContext)
  return options
}

function addTimes (
  options: StoredOptions, { delay, delayUntil, expires }: EnqueueOptions, clock: StoreClock
): void {
  const now = options.timestamp
  if (delay) options.delay = now + delay
  const due = delayUntil === undefined ? 0 : clock.toStoreTime(timeOf(delayUntil))
  if (due > now) options.delay = due
  if (expires === undefined) return
  options.expires = expires instanceof Date ? clock.toStoreTime(timeOf(expires)) : now + expires
}

/** The request, if that is wanted, or the task that this code runs for. */
function addOrigin (options: StoredOptions, requestContext: boolean): void {
  const origin = currentOrigin(requestContext)
  if (origin?.reqId !== undefined) options.reqId = origin.reqId
  if (origin?.traceparent !== undefined) options.traceparent = origin.traceparent
  if (origin?.tracestate !== undefined) options.tracestate = origin.tracestate
  if (origin?.isBatch) options.batch = true
}
