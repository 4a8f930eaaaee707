/**
 * The log of an attempt: a child of the app's, whose lines name the task, its flow, and the request behind it.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { traceFields } from '../records/origin.ts'
import type { ClaimedTask } from './claimed-task.ts'

interface LoggedAttempt {
  readonly app: FastifyInstance
  readonly task: ClaimedTask
  readonly id: string
  readonly name: string
  readonly attempt: number
  readonly requestId: string | null
  readonly traceparent: string | null
}

export function attemptLog (logged: LoggedAttempt): FastifyBaseLogger {
  const { app: { log, initialConfig }, id: taskId, name: task, attempt, requestId, traceparent } = logged
  const { flow } = logged.task.stored.options
  return log.child({
    taskId,
    task,
    attempt,
    ...(flow && { flowId: flow.id }),
    ...(requestId === null ? {} : { [initialConfig.requestIdLogLabel ?? 'reqId']: requestId }),
    ...(traceparent === null ? {} : traceFields(traceparent))
  })
}

/** Whether a log writes lines of this level. Without `logger` all methods of Fastify's log are one, `noop`. */
export function writesLevel (log: any, level: string): boolean {
  return log.isLevelEnabled?.(level) ?? (log.info !== log.trace || log.info.name !== 'noop')
}
