/**
 * Layer 3: the schemas of the routes that the plugin mounts.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import { STATES } from '../records/states.ts'

/** The routes' own: those of the app may be zod's, which take no JSON Schema. An id is a string; there is nothing to validate. */
export const compilers = { validatorCompiler: () => () => true, serializerCompiler: SerializerSelector()({}, {}) }

const text = { type: ['string', 'null'] }
const time = { type: ['string', 'null'], format: 'date-time' }

/** The JSON of a status. `result` and `progress` are the app's own: any JSON. */
export const recordSchema = {
  type: 'object',
  description: 'The task as it is now',
  required: ['id', 'name', 'queue', 'state', 'stage', 'progress', 'attempt', 'attempts', 'enqueuedAt', 'startedAt', 'finishedAt', 'result', 'error'],
  properties: {
    id: { type: 'string', description: 'Id of the task' },
    name: { type: 'string', description: 'Name of the task' },
    queue: { type: 'string', description: 'Queue that the task is in' },
    state: { type: 'string', enum: STATES, description: 'The last four are final' },
    stage: { ...text, description: 'The app\'s own word for where the task is' },
    progress: { description: 'The app\'s own progress, any JSON' },
    attempt: { type: 'integer', description: 'Attempt that runs or ran last; 0 before the first' },
    attempts: { type: 'integer', description: 'Attempts in all' },
    enqueuedAt: { type: 'string', format: 'date-time' },
    startedAt: time,
    finishedAt: time,
    result: { description: 'What the task returned, any JSON' },
    data: { description: 'What the task was enqueued with; only where the task exposes it' },
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

const notThere = { ...errorSchema, description: 'There is no such task, or not for who asks' }
const away = { ...errorSchema, description: 'Redis does not answer' }
const refused = { ...errorSchema, description: 'The client takes no text/event-stream' }
const ended = { ...errorSchema, description: 'It had ended before' }
const notModified = { type: 'null', description: 'Nothing has changed' }

const streamSchema = {
  description: 'A stream of events, each with the ETag of the status as its id and the record as its data',
  content: { 'text/event-stream': { schema: { type: 'string' } } }
}

const params = { type: 'object', required: ['id'], properties: { id: { type: 'string', description: 'Id of the task' } } }
const tags = ['tasks']

export const statusSchema = {
  tags,
  summary: 'Status of a task',
  description: 'Answers at once; with the header "Prefer: wait=20", at the next change, or after so many seconds (60 at the most). "If-None-Match" with the last ETag is answered with 304.',
  params,
  response: { 200: recordSchema, 304: notModified, 404: notThere, 503: away }
}

export const eventsSchema = {
  tags,
  summary: 'Every change of a task, as server-sent events',
  description: 'From its present state to its end. The id of an event is the ETag of the status; a client that comes back with the last one (Last-Event-ID) is answered with 204 where there is nothing more to come.',
  params,
  response: { 200: streamSchema, 204: { type: 'null', description: 'It has ended, and the client knows' }, 404: notThere, 406: refused, 503: away }
}

export const cancelSchema = {
  tags,
  summary: 'Cancel a task',
  description: '200: it will never start; 202: it runs, and is being aborted; 409: it had ended.',
  params,
  response: { 200: recordSchema, 202: recordSchema, 404: notThere, 409: ended, 503: away }
}

const later = { type: 'integer', description: 'Seconds after which it makes sense to ask again' }

/** Headers, for the document only: requests' of a route, responses' by their code. */
export const statusHeaders = {
  request: {
    prefer: { type: 'string', description: 'For example "wait=20": answer at the next change, or after so many seconds' },
    'if-none-match': { type: 'string', description: 'The last ETag' }
  },
  response: {
    200: { etag: { type: 'string', description: 'Another one after each change' }, 'retry-after': later, 'preference-applied': { type: 'string', description: 'The wait that was granted' } },
    503: { 'retry-after': later }
  }
}
export const eventsHeaders = {
  request: { 'last-event-id': { type: 'string', description: 'Id of the last event that was seen' } },
  response: { 503: { 'retry-after': later } }
}
export const cancelHeaders = { response: { 503: { 'retry-after': later } } }
