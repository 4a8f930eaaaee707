/**
 * The log of an attempt: a child of the app's, whose lines name the task, its flow, and the request behind it.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { traceFields } from '../records/origin.ts'

export interface LogFields {
  taskId: string
  task: string
  attempt: number
  flowId: string | undefined
  requestId: string | null
  traceparent: string | null
}

export function attemptLog (
  { log, initialConfig }: FastifyInstance, { flowId, requestId, traceparent, ...fields }: LogFields
): FastifyBaseLogger {
  return log.child({
    ...fields,
    ...(flowId === undefined ? {} : { flowId }),
    ...(requestId === null ? {} : { [initialConfig.requestIdLogLabel ?? 'reqId']: requestId }),
    ...(traceparent === null ? {} : traceFields(traceparent))
  })
}

/** Whether a log writes lines of this level. Without `logger` all methods of Fastify's log are one, `noop`. */
export function writesLevel (log: any, level: string): boolean {
  return log.isLevelEnabled?.(level) ?? (log.info !== log.trace || log.info.name !== 'noop')
}
