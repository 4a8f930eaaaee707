/**
 * The names of attributes, in one table: OpenTelemetry's conventions for messaging are in development, and change.
 * Read from version 1.44.
 */
import type { Attributes } from '@opentelemetry/api'
import type { AttemptInfo, EnqueueInfo } from '../types.ts'

const ATTRIBUTE = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  messageId: 'messaging.message.id',
  conversationId: 'messaging.message.conversation_id',
  batchCount: 'messaging.batch.message_count',
  clientId: 'messaging.client.id',
  latency: 'messaging.message.receive.latency',
  retries: 'messaging.message.retry.count',
  task: 'fastify_tasks.task.name',
  attempt: 'fastify_tasks.attempt',
  attempts: 'fastify_tasks.attempts',
  outcome: 'fastify_tasks.outcome',
  errorType: 'error.type'
} as const

const common = (operation: 'send' | 'process', name: string, queue: string): Attributes => ({
  [ATTRIBUTE.system]: 'fastify-tasks',
  [ATTRIBUTE.operationName]: operation,
  [ATTRIBUTE.operationType]: operation,
  [ATTRIBUTE.destination]: queue,
  [ATTRIBUTE.task]: name
})

export const sendAttributes = ({ name, queue, count }: EnqueueInfo, isMany: boolean): Attributes =>
  ({ ...common('send', name, queue), ...isMany ? { [ATTRIBUTE.batchCount]: count } : {} })

/** Known when the tasks are made. */
export const madeAttributes = ({ ids, queue }: EnqueueInfo): Attributes =>
  ({ [ATTRIBUTE.destination]: queue, ...ids.length === 1 ? { [ATTRIBUTE.messageId]: ids[0]! } : {} })

export const processAttributes = (info: AttemptInfo): Attributes => ({
  ...common('process', info.name, info.queue),
  [ATTRIBUTE.messageId]: info.taskId,
  [ATTRIBUTE.clientId]: info.worker,
  [ATTRIBUTE.retries]: info.attempt - 1,
  [ATTRIBUTE.attempt]: info.attempt,
  [ATTRIBUTE.attempts]: info.attempts,
  ...info.requestId === null ? {} : { [ATTRIBUTE.conversationId]: info.requestId },
  ...info.waitedMs === null ? {} : { [ATTRIBUTE.latency]: info.waitedMs }
})

export const outcomeAttributes = (outcome: string): Attributes => ({ [ATTRIBUTE.outcome]: outcome })

/** The code of an error, or else its class. */
export function errorAttributes (error: unknown): Attributes {
  const { code, name } = (error ?? {}) as { code?: unknown, name?: unknown }
  const type = [code, name].find(value => typeof value === 'string' && value !== '')
  return { [ATTRIBUTE.errorType]: type as string | undefined ?? '_OTHER' }
}
