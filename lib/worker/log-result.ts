/**
 * The log line of a finished attempt: one for each task, as Fastify has one for each request.
 */
import { toLoggable } from '../records/failure.ts'
import type { Attempt } from '../attempt/attempt.ts'
import type { AttemptResult } from '../attempt/attempt-result.ts'

type LoggedResult = Exclude<AttemptResult, { kind: 'lost' }>

export function logResult (attempt: Attempt, result: LoggedResult, durationMs: number): void {
  switch (result.kind) {
    case 'succeeded':
      // Making the task's own log costs more than all else here.
      if (attempt.logs('info')) attempt.log.info({ event: 'task.completed', durationMs }, 'task completed')
      return
    case 'failed': {
      const fields = { event: 'task.failed', durationMs, err: toLoggable(result.thrown) }
      return attempt.log.error(fields, 'task failed')
    }
    case 'cancelled': return attempt.log.info({ event: 'task.cancelled', durationMs }, 'task cancelled')
    case 'released': return attempt.log.info({ event: 'task.released', durationMs }, 'task released')
    default: return result satisfies never
  }
}
