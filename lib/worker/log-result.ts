/**
 * The log line of a finished attempt: one for each task, as Fastify has one for each request.
 */
import { toLoggable } from '../records/failure.ts'
import { steadyLog } from '../steady-log.ts'
import type { FastifyBaseLogger } from 'fastify'
import type { Attempt } from '../attempt/attempt.ts'
import type { AttemptResult } from '../attempt/attempt-result.ts'
import type { Settlement } from '../store/contract.ts'

type LoggedResult = Exclude<AttemptResult, { kind: 'lost' }>
interface Failed { durationMs: number, thrown: unknown }

/** @param settlement what is written. Null if the task was released */
export function logResult (attempt: Attempt, result: LoggedResult, settlement: Settlement | null): void {
  const { now, startedAt } = attempt.task
  const durationMs = now - startedAt!
  // Making the task's own log costs more than all else here.
  if (result.kind === 'succeeded' && !attempt.logs('info')) return
  const log = logOf(attempt)
  switch (result.kind) {
    case 'succeeded': return log.info({ event: 'task.completed', durationMs }, 'task completed')
    case 'failed': return logFailed(attempt, { durationMs, thrown: result.thrown }, settlement)
    case 'cancelled': return log.info({ event: 'task.cancelled', durationMs }, 'task cancelled')
    case 'snoozed': {
      const nextAttemptAt = new Date(now + result.ms).toISOString()
      if (result.limited) return logLimited(log, { durationMs, nextAttemptAt })
      return log.info({ event: 'task.snoozed', durationMs, nextAttemptAt }, 'task put off: it comes back later')
    }
    case 'released': return log.info({ event: 'task.released', durationMs }, 'task released')
    default: return result satisfies never
  }
}

const logOf = (attempt: Attempt): FastifyBaseLogger => steadyLog(() => attempt.log)

function logLimited (log: FastifyBaseLogger, fields: object): void {
  log.info({ event: 'task.rate_limited', ...fields }, 'task was rate limited: the tasks of its key wait')
}

/** An error only if it was the last attempt: whoever is called at night for errors has nothing to do before. */
function logFailed (attempt: Attempt, { durationMs, thrown }: Failed, settlement: Settlement | null): void {
  const isLast = settlement?.outcome !== 'retry'
  if (!attempt.logs(isLast ? 'error' : 'warn')) return
  const { task } = attempt
  const log = logOf(attempt)
  const err = toLoggable(thrown)
  if (isLast) return log.error({ event: 'task.failed', durationMs, err }, 'task failed')
  const nextAttemptAt = new Date(task.now + (settlement.ms ?? 0)).toISOString()
  const fields = { event: 'task.retrying', durationMs, nextAttemptAt, attempts: attempt.attempts, err }
  log.warn(fields, 'task attempt failed: it will be tried again')
}
