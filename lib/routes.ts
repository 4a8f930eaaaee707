/**
 * Layer 3: the routes that the plugin mounts: `GET /tasks/:id`.
 */
import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import * as errors from './errors.ts'
import { isTerminal } from './record.ts'
import type { TaskRegistry } from './tasks.ts'
import type { RoutesOptions, TaskRecord } from './types.ts'

const text = { type: ['string', 'null'] }
const time = { type: ['string', 'null'], format: 'date-time' }

/** The JSON of a status. `result` and `progress` are the app's own: any JSON. */
export const recordSchema = {
  type: 'object',
  required: ['id', 'name', 'queue', 'state', 'stage', 'progress', 'attempt', 'attempts', 'enqueuedAt', 'startedAt', 'finishedAt', 'result', 'error'],
  properties: {
    id: { type: 'string', description: 'Id of the task' },
    name: { type: 'string', description: 'Name of the task' },
    queue: { type: 'string', description: 'Queue that the task is in' },
    state: { type: 'string', enum: ['waiting', 'delayed', 'active', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired'], description: 'The last four are final' },
    stage: { ...text, description: 'The app\'s own word for where the task is' },
    progress: { description: 'The app\'s own progress, any JSON' },
    attempt: { type: 'integer', description: 'Attempt that runs or ran last; 0 before the first' },
    attempts: { type: 'integer', description: 'Attempts in all' },
    enqueuedAt: { type: 'string', format: 'date-time' },
    startedAt: time,
    finishedAt: time,
    result: { description: 'What the task returned, any JSON' },
    error: {
      anyOf: [
        { type: 'null' },
        {
          type: 'object',
          properties: { name: { type: 'string' }, message: { type: 'string' }, code: text, stack: { type: 'string' } },
          required: ['name', 'message', 'code']
        }
      ]
    }
  }
}

/** Fastify's error format; open, since an app's error handler may have another. */
const errorSchema = {
  type: 'object',
  additionalProperties: true,
  properties: { statusCode: { type: 'integer' }, code: { type: 'string' }, error: { type: 'string' }, message: { type: 'string' } }
}

const schema = {
  tags: ['tasks'],
  summary: 'Status of a task',
  params: { type: 'object', required: ['id'], properties: { id: { type: 'string', description: 'Id of the task' } } },
  response: { 200: recordSchema, 404: errorSchema, 503: errorSchema }
}

/** Seconds after which it makes sense to ask again; at least one, at most an hour. */
function retryAfter ({ state, enqueuedAt }: TaskRecord, delayedTo: number | undefined): string {
  if (state !== 'delayed' || delayedTo === undefined) return '1'
  const ms = delayedTo - Math.max(Date.now(), Date.parse(enqueuedAt))
  return String(Math.min(3_600, Math.max(1, Math.ceil(ms / 1_000))))
}

function sendRecord (reply: FastifyReply, record: TaskRecord, delayedTo: number | undefined): TaskRecord {
  if (!isTerminal(record.state)) reply.header('retry-after', retryAfter(record, delayedTo))
  return record
}

/** The routes of one registry, for `fastify.register(routes, { prefix })`. */
export function makeRoutes (registry: TaskRegistry, { onRequest, preHandler }: RoutesOptions): FastifyPluginAsync {
  return async function taskRoutes (fastify) {
    registry.path = fastify.prefix
    fastify.get<{ Params: { id: string } }>('/:id', { schema, onRequest, preHandler }, async (request, reply) => {
      reply.header('cache-control', 'no-store')
      const found = await registry.find(request.params.id)
      if (!found) throw new errors.TaskNotFound(request.params.id)
      return sendRecord(reply, found.record, found.delayedTo)
    })
  }
}
