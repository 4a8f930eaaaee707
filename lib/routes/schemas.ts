/**
 * The schemas of the routes, with the texts of their OpenAPI document.
 */
import { STATES } from '../records/states.ts'

const textOrNull = { type: ['string', 'null'] }
const timeOrNull = { type: ['string', 'null'], format: 'date-time' }

const failureSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, message: { type: 'string' }, code: textOrNull, stack: { type: 'string' } },
  required: ['name', 'message', 'code']
}

const tickSchema = {
  type: 'object',
  properties: {
    id: { type: 'string', description: 'Id of the schedule' },
    plannedAt: { type: 'string', format: 'date-time' },
    lateBy: { type: 'integer', description: 'How late the task was enqueued, in ms' },
    missed: { type: 'integer', description: 'How many ticks before it were missed' }
  },
  required: ['id', 'plannedAt', 'lateBy', 'missed']
}

const flowSchema = {
  type: 'object',
  properties: {
    id: { type: 'string', description: 'Id of the flow' },
    key: { ...textOrNull, description: 'Name of the member; null for the flow itself' },
    done: { type: ['integer', 'null'], description: 'How many members have ended; null for a member' },
    total: { type: ['integer', 'null'], description: 'How many members the flow has; null for a member' }
  },
  required: ['id', 'key', 'done', 'total']
}

const blockedSchema = {
  type: 'object',
  properties: {
    kind: { type: 'string', enum: ['pause', 'limit', 'rate'] },
    key: { ...textOrNull, description: 'Key of the limit or rate; null for a pause' },
    text: { type: 'string', description: 'For people' }
  },
  required: ['kind', 'key', 'text']
}

const failedAttemptSchema = {
  type: 'object',
  properties: {
    attempt: { type: 'integer', description: 'Number of the attempt' },
    startedAt: timeOrNull,
    finishedAt: { type: 'string', format: 'date-time' },
    worker: { ...textOrNull, description: 'Id of the worker' },
    outcome: { type: 'string', enum: ['retrying', 'failed', 'stalled'] },
    error: failureSchema
  },
  required: ['attempt', 'startedAt', 'finishedAt', 'worker', 'outcome', 'error']
}

/** The JSON of a status. `result` and `progress` are any JSON of the app. */
export const recordSchema = {
  type: 'object',
  description: 'The task as it is now',
  required: [
    'id', 'name', 'queue', 'state', 'stage', 'progress', 'attempt', 'attempts', 'priority', 'enqueuedAt', 'dueAt',
    'blockedBy', 'startedAt', 'finishedAt', 'schedule', 'flow', 'tags', 'result', 'error', 'failedAttempts'
  ],
  properties: {
    id: { type: 'string', description: 'Id of the task' },
    name: { type: 'string', description: 'Name of the task' },
    queue: { type: 'string', description: 'Queue of the task' },
    state: {
      type: 'string',
      enum: STATES,
      description: 'The last four are final'
    },
    stage: { ...textOrNull, description: 'Stage that the task reported, any text' },
    progress: { description: 'Progress that the task reported, any JSON' },
    attempt: { type: 'integer', description: 'Number of the current or last attempt; 0 before the first' },
    attempts: { type: 'integer', description: 'How many attempts the task has' },
    priority: { type: 'string', enum: ['high', 'normal', 'low'] },
    enqueuedAt: { type: 'string', format: 'date-time' },
    dueAt: { ...timeOrNull, description: 'When a delayed or retrying task may start' },
    blockedBy: {
      anyOf: [{ type: 'null' }, blockedSchema], description: 'What holds the task back although it could start'
    },
    startedAt: timeOrNull,
    finishedAt: timeOrNull,
    schedule: { anyOf: [{ type: 'null' }, tickSchema], description: 'Tick of the schedule that enqueued the task' },
    flow: { anyOf: [{ type: 'null' }, flowSchema], description: 'Flow that the task is a member of, or that it is' },
    tags: { type: 'array', items: { type: 'string' }, description: 'Tags that the task was enqueued with' },
    result: { description: 'What the task returned, any JSON' },
    data: { description: 'Data that the task was enqueued with; only if the task exposes it' },
    error: { anyOf: [{ type: 'null' }, failureSchema] },
    failedAttempts: { type: 'array', items: failedAttemptSchema, description: 'The last 10, the newest last' }
  }
}

/** Fastify's error format. Other properties pass: an app's error handler may have a format of its own. */
const errorSchema = {
  type: 'object',
  additionalProperties: true,
  properties: {
    statusCode: { type: 'integer' },
    code: { type: 'string' },
    error: { type: 'string' },
    message: { type: 'string' }
  }
}

const notFound = { ...errorSchema, description: 'No such task, or not visible to this caller' }
const unavailable = { ...errorSchema, description: 'Redis does not answer' }
const notAcceptable = { ...errorSchema, description: 'The client does not accept text/event-stream' }
const alreadyFinished = {
  ...errorSchema,
  description: 'The task has already finished, or tasks of several queues have this id: name the queue'
}
const notModified = { type: 'null', description: 'Nothing has changed' }
const noMoreEvents = { type: 'null', description: 'The task has finished, and the client has its last event' }

const streamSchema = {
  description: 'A stream of events. The id of an event is the ETag of the status, its data is the record',
  content: { 'text/event-stream': { schema: { type: 'string' } } }
}

const params = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the task' } }
}
const querystring = {
  type: 'object',
  properties: {
    queue: { type: 'string', description: 'Queue of the task, if tasks of several queues have this id' }
  }
}
const ambiguous = { ...errorSchema, description: 'Tasks of several queues have this id: name the queue' }
const tags = ['tasks']

export const statusSchema = {
  tags,
  summary: 'Status of a task',
  description: 'Answers at once. With the header "Prefer: wait=20" it answers at the next change, or after 20 ' +
    'seconds (at most 60). With the last ETag in "If-None-Match" it answers 304 if nothing has changed.',
  params,
  querystring,
  response: { 200: recordSchema, 304: notModified, 404: notFound, 409: ambiguous, 503: unavailable }
}

export const eventsSchema = {
  tags,
  summary: 'Every change of a task, as server-sent events',
  description: 'From the current state until the task has finished. The id of an event is the ETag of the status. A ' +
    'client that reconnects sends its last id in "Last-Event-ID"; the answer is 204 if there are no more events.',
  params,
  querystring,
  response: {
    200: streamSchema, 204: noMoreEvents, 404: notFound, 406: notAcceptable, 409: ambiguous, 503: unavailable
  }
}

const lineSchema = {
  type: 'object',
  properties: {
    time: { type: 'string', format: 'date-time' },
    level: { type: 'string' },
    attempt: { type: 'integer', description: 'Number of the attempt that logged it' },
    msg: { type: 'string' },
    fields: { type: ['object', 'null'], additionalProperties: true, description: 'What was logged with the message' }
  },
  required: ['time', 'level', 'attempt', 'msg', 'fields']
}

const logs = {
  type: 'object',
  description: 'The newest lines, oldest first',
  properties: {
    lines: { type: 'array', items: lineSchema },
    next: { type: 'integer', description: 'Pass it as "after" for the lines that come later' }
  },
  required: ['lines', 'next']
}

export const logsSchema = {
  tags,
  summary: 'What a task has logged',
  description: 'Only of tasks that keep their logs. With "after" only what came since an earlier answer.',
  params,
  querystring: {
    type: 'object',
    properties: {
      ...querystring.properties,
      after: { type: 'integer', minimum: 0, description: 'The "next" of an earlier answer' }
    }
  },
  response: { 200: logs, 404: notFound, 409: ambiguous, 503: unavailable }
}

export const cancelSchema = {
  tags,
  summary: 'Cancel a task',
  description: '200: the task will never start. 202: the task is running, and is being aborted. 409: the task has ' +
    'already finished.',
  params,
  querystring,
  response: { 200: recordSchema, 202: recordSchema, 404: notFound, 409: alreadyFinished, 503: unavailable }
}

const retryAfter = { type: 'integer', description: 'Seconds to wait before the next request' }

// Headers. Only the OpenAPI document has them: those of the request, and those of the responses by their code.

export const statusHeaders = {
  request: {
    prefer: {
      type: 'string',
      description: 'For example "wait=20": answer at the next change, or after 20 seconds'
    },
    'if-none-match': { type: 'string', description: 'ETag of the last answer' }
  },
  response: {
    200: {
      etag: { type: 'string', description: 'Another value after each change' },
      'retry-after': retryAfter,
      'preference-applied': { type: 'string', description: 'The wait that was applied' }
    },
    503: { 'retry-after': retryAfter }
  }
}

export const eventsHeaders = {
  request: { 'last-event-id': { type: 'string', description: 'Id of the last event that the client received' } },
  response: { 503: { 'retry-after': retryAfter } }
}

export const logsHeaders = { response: { 503: { 'retry-after': retryAfter } } }

export const cancelHeaders = { response: { 503: { 'retry-after': retryAfter } } }

const ours = new Set<unknown>([
  params, querystring, logsSchema.querystring, streamSchema.content['text/event-stream'].schema,
  ...[statusSchema, eventsSchema, logsSchema, cancelSchema].flatMap<object>(({ response }) => Object.values(response))
])

/** Whether a part of a route's schema is from here. */
export const isOurs = (schema: unknown): boolean => ours.has(schema)

interface RouteSchema { tags: string[], response: object }

/** A copy for one route: a hook of the app may add to it. */
export const copyOf = <T extends RouteSchema>(schema: T): T =>
  ({ ...schema, tags: [...schema.tags], response: { ...schema.response } })
