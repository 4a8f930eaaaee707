/**
 * What each option must be, in the words of the error that refuses another value.
 */
import { HOOK_NAMES } from './hook-names.ts'
import { isHost, isRedisObject, isRedisUrl, isSocketPath } from './redis-url.ts'
import {
  areAll, bool, integer, isFile, isFunction, isHook, isId, isName, isNode, isObject, isTime, MAX_BYTES, MAX_CONCURRENCY,
  MAX_SPAN, MAX_TIMER, name, object, tagRule, tagsRule, timeOf, type Rule, type Rules
} from './rule-kinds.ts'
import { perDefinition, perEnqueue } from './scheduling.ts'
import { STATES } from '../records/states.ts'

const queueNames: Rule = {
  ok: value => areAll(value, isName),
  expected: 'an array of queue names (A-Z, a-z, 0-9, "_", "-", up to 64 characters)',
  fix: 'For example ["default", "mail"].'
}

const perTask: Rules = {
  retries: integer(0, 1_000_000, 'of attempts after the first', 'For example 3.'),
  backoff: object('For example { strategy: "exponential", delay: 1000, max: 60000, jitter: true }.'),
  timeout: integer(0, MAX_TIMER, 'of ms', 'For example 120000; 0 is no limit.')
}

const resultTtl = integer(0, MAX_SPAN, 'of ms', 'For example 86400000, one day.')

export const backoffRules = {
  strategy: {
    ok: value => typeof value === 'string',
    expected: '"immediate", "fixed", "exponential" or a name from backoffStrategies',
    fix: 'Register a function of your own in the plugin\'s backoffStrategies.'
  },
  delay: integer(1, MAX_TIMER, 'of ms', 'For example 1000.'),
  max: integer(1, MAX_SPAN, 'of ms', 'For example 60000.'),
  jitter: bool('Full jitter, or none.')
} satisfies Rules

const authorize: Rule = {
  ok: isFunction,
  expected: 'a function',
  fix: 'For example (request, record) => request.user.id === record.data.userId.'
}

const hook: Rule = { ok: isHook, expected: 'a function or an array of functions', fix: 'As in a route of Fastify.' }

export const defineRules: Rules = {
  ...perTask,
  ...Object.fromEntries(HOOK_NAMES.map(name => [name, hook])),
  queue: name('For example "mail".'),
  resultTtl,
  retryIf: {
    ok: value => isFunction(value) && value.constructor.name !== 'AsyncFunction',
    expected: 'a function that is not async',
    fix: 'For example error => error.code === "ECONNRESET".'
  },
  retryFor: integer(1, MAX_SPAN, 'of ms', 'For example 3600000, one hour.'),
  keepLogs: integer(1_024, 1_048_576, 'of bytes', 'For example 65536.'),
  authorize,
  expose: {
    ok: value => areAll(value, part => part === 'data'),
    expected: 'an array of "data"',
    fix: 'For example ["data"].'
  },
  thread: {
    ok: isFile,
    expected: 'a path, or a file: URL',
    fix: 'For example new URL("./resize.js", import.meta.url).'
  },
  ...perDefinition,
  schema: object('For example { data: { type: "object", properties: {} } }.')
}

/** The options of `define` as a whole. */
export const defineRule = object('For example { retries: 3 }.')

const anySchema: Rule = {
  ok: value => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
  expected: 'a schema',
  fix: 'For example { type: "object", properties: {} }.'
}

export const schemaRules: Rules = { data: anySchema, result: anySchema, progress: anySchema, previous: anySchema }

export const enqueueRules: Rules = {
  ...perTask,
  ...perEnqueue,
  queue: name('For example "mail".'),
  delay: integer(0, MAX_SPAN, 'of ms', 'For a point in time use delayUntil.'),
  delayUntil: {
    ok: value => isTime(value) && timeOf(value) > 1e11,
    expected: 'a Date, or ms since 1970',
    fix: 'Seconds must be multiplied by 1000; for a span of time use delay.'
  },
  expires: { ok: isTime, expected: 'a Date, or a whole number of ms from now', fix: 'For example 60000.' },
  id: {
    ok: isId,
    expected: '1 to 100 characters of A-Z, a-z, 0-9, "_", ".", ":", "-"',
    fix: 'Leave it out for a random UUID.'
  },
  tags: tagsRule
}

export const resultRules: Rules = {
  timeout: integer(0, MAX_TIMER, 'of ms', 'For example 5000; 0 reads the record once; leave it out for no limit.'),
  signal: {
    ok: value => value instanceof AbortSignal,
    expected: 'an AbortSignal',
    fix: 'For example AbortSignal.timeout(5000), or the signal of an AbortController.'
  }
}

export const workerRules: Rules = {
  queues: queueNames,
  concurrency: integer(1, MAX_CONCURRENCY, 'of tasks at once', 'For example 10.'),
  closeTimeout: integer(0, MAX_TIMER, 'of ms', 'For example 10000.')
}

const waitTimeout = integer(1, MAX_TIMER, 'of ms', 'For example 60000, if handlers take long.')

export const drainRules: Rules = { timeout: waitTimeout, delayed: bool('true also runs delayed tasks.') }

export const advanceRules: Rules = {
  timeout: waitTimeout,
  wait: bool('false does not wait until the due tasks have ended.')
}

/** The options of `status`, `handle`, `cancel`, `retry` and `remove`. */
export const whereRules: Rules = { queue: name('For example "mail".') }
export const whereRule = object('For example { queue: "mail" }.')

export const purgeRules: Rules = { retrying: bool('true also removes tasks between two attempts.') }

/** The options of `purge` as a whole. */
export const purgeRule = object('For example { retrying: true }.')

/** The first argument of `advance`. */
export const advanceRule = integer(0, MAX_SPAN, 'of ms', 'For example advance(60000).')

/** The options of `drain` and `advance` as a whole. */
export const waitRule = object('For example { timeout: 60000 }.')

export const listRules = {
  state: {
    ok: value => STATES.includes(value),
    expected: `one of ${STATES.join(', ')}`,
    fix: 'For example list({ state: "failed" }).'
  },
  kind: { ok: value => ['task', 'flow'].includes(value), expected: '"task" or "flow"', fix: 'For example "flow".' },
  flow: { ok: value => typeof value === 'string', expected: 'the id of a flow', fix: 'For example that of a handle.' },
  tag: tagRule,
  queue: name('For example "mail".'),
  name: { ok: isId, expected: 'a task\'s name', fix: 'For example "resize".' },
  limit: integer(1, 1_000, 'of ids', 'For example 50.'),
  cursor: {
    ok: value => typeof value === 'string',
    expected: 'the cursor of the page before',
    fix: 'Leave it out for the first page.'
  }
} satisfies Rules

/** The options of `list` as a whole. */
export const listRule = object('For example list({ state: "failed" }).')

export const scheduleListRules = { limit: listRules.limit, cursor: listRules.cursor } satisfies Rules
/** The options of `schedules.list` as a whole. */
export const scheduleListRule = object('For example schedules.list({ limit: 50 }).')

export const routesRules: Rules = {
  prefix: {
    ok: value => typeof value === 'string' && /^\/[^?#]*$/.test(value) && !value.endsWith('/'),
    expected: 'a path that starts with "/" and does not end with it',
    fix: 'For example "/jobs".'
  },
  cancel: bool('It mounts DELETE /tasks/:id.'),
  onRequest: hook,
  preHandler: hook,
  authorize,
  publicBase: {
    ok: value => typeof value === 'string' && /^(\/|https?:\/\/)[^?#]*[^/?#]$/.test(value) && !value.startsWith('//'),
    expected: 'a path that starts with "/", or an http(s) URL, without a "/" at its end',
    fix: 'For example "/api" or "https://example.com/api".'
  },
  maxWaits: integer(1, 1_000_000, 'of requests', 'For example 5000.'),
  maxWaitsPerKey: integer(0, 1_000_000, 'of requests', 'For example 20; 0 is no limit.'),
  waitKey: { ok: isFunction, expected: 'a function', fix: 'For example request => request.ip.' },
  logLevel: { ok: value => typeof value === 'string', expected: 'a level of the log', fix: 'For example "warn".' },
  config: object('As in a route of Fastify.'),
  constraints: object('As in a route of Fastify: { host: "api.example.com" }.')
}

export const threadsRules: Rules = {
  max: integer(1, 1_000, 'of threads', 'For example 4; by default as many as there are processors.'),
  idleTimeout: integer(0, MAX_TIMER, 'of ms', 'For example 60000.'),
  maxHeap: integer(16, 1_048_576, 'of MiB', 'For example 512; by default Node\'s own limit.')
}

export const metricsRules: Rules = {
  registry: {
    ok: value => isFunction(value?.registerMetric),
    expected: 'a registry with a method registerMetric',
    fix: 'For example new Registry() of prom-client, or fastify.metrics.client.register.'
  },
  queues: bool('False reads nothing from Redis at a scrape.')
}

const historyTime: Rule = { ok: isTime, expected: 'a Date, or ms since 1970', fix: 'For example Date.now() - 3600000.' }

export const historyRules = {
  queue: name('For example "mail".'),
  name: { ok: isId, expected: 'a task\'s name', fix: 'For example "resize".' },
  from: historyTime,
  to: historyTime,
  step: {
    ok: value => Number.isInteger(value) && value >= 60_000 && value <= 604_800_000 && value % 60_000 === 0,
    expected: 'a whole number of ms, a multiple of 60000 up to 604800000',
    fix: 'For example 60000, or 3600000.'
  }
} satisfies Rules

/** The options of `history` as a whole. */
export const historyRule = object('For example history({ queue: "mail" }).')

/** The `cluster` of the option `redis`. */
export const clusterRule: Rule = {
  ok: value => areAll(value, isNode) && value.length > 0,
  expected: 'an array of one or more nodes, each a URL or { host, port }',
  fix: 'For example { cluster: [{ host: "redis-1", port: 6379 }, { host: "redis-2", port: 6379 }] }.'
}

/** A place in a text: the option `redis`, or REDIS_URL. */
export const redisUrlRule: Rule = {
  ok: value => typeof value === 'string' && (isRedisUrl(value) || isSocketPath(value)),
  expected: 'a URL (redis://user:password@host:port/db, rediss://…) or a socket\'s path',
  fix: 'In a password write % / ? # @ percent-encoded: %25 %2F %3F %23 %40.'
}

/** The `host` in the option `redis`, of a sentinel, and of a node. */
export const hostRule: Rule = {
  ok: isHost,
  expected: 'a name or an IP address',
  fix: 'A URL is no host: write redis: "redis://host:6379".'
}

const redis: Rule = {
  ok: value => redisUrlRule.ok(value) || (isObject(value) && isRedisObject(value)),
  expected: 'a URL (redis://user:password@host:port/db, rediss://…), a socket\'s path, ioredis options, ' +
    '{ cluster: [nodes] }, or an ioredis client',
  fix: `${redisUrlRule.fix} Leave the option out to use fastify.redis, REDIS_URL, or redis://localhost:6379/0.`
}

export const pluginRules = {
  ...perTask,
  mode: {
    ok: value => ['redis', 'memory'].includes(value),
    expected: '"redis" or "memory"',
    fix: '"memory" keeps tasks in this process and runs them there, without Redis: for tests.'
  },
  name: name('It names the decorator: register(tasks, { name: "reports" }) gives fastify.reports.'),
  prefix: name('It is the first part of the keys in Redis; ' +
    'for the path of the routes use routes: { prefix: "/jobs" }.'),
  redis,
  queues: queueNames,
  routes: {
    ok: value => value === false || isObject(value),
    expected: 'false or an object',
    fix: 'For example { prefix: "/jobs" }.'
  },
  worker: {
    ok: value => typeof value === 'boolean' || isObject(value),
    expected: 'true, false or an object',
    fix: 'For example { concurrency: 10 }.'
  },
  threads: object('For example { max: 4 }.'),
  backoffStrategies: {
    ok: value => isObject(value) && Object.values(value).every(isFunction),
    expected: 'an object of functions',
    fix: 'For example { linear: attempt => attempt * 1000 }.'
  },
  resultTtl,
  stallInterval: integer(1_000, MAX_TIMER, 'of ms', 'For example 30000: longer than any handler holds the event loop.'),
  maxStalls: integer(0, 1_000, 'of stalls', 'For example 2.'),
  redisTimeout: integer(1, MAX_TIMER, 'of ms', 'For example 2000.'),
  connectTimeout: integer(1, MAX_TIMER, 'of ms', 'For example 2000.'),
  maxDataSize: integer(1, MAX_BYTES, 'of bytes', 'For example 1048576.'),
  maxResultSize: integer(1, MAX_BYTES, 'of bytes', 'For example 1048576.'),
  maxProgressSize: integer(1, MAX_BYTES, 'of bytes', 'For example 65536.'),
  metrics: {
    ok: value => typeof value === 'boolean' || isObject(value),
    expected: 'true, false or an object',
    fix: 'For example { registry }.'
  },
  history: bool('False stores no counts of the past in Redis.'),
  telemetry: {
    ok: value => isFunction(value?.enqueue) && isFunction(value?.attempt),
    expected: 'an object with the methods enqueue and attempt',
    fix: 'For example otel() of "fastify-tasks/otel".'
  },
  requestContext: bool('False enqueues tasks without the id and the trace of their request.'),
  exposeStack: bool('Stacks show your code to whoever reads a record.')
} satisfies Rules
