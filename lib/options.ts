/**
 * Layer 0: every default, once, and the check of every option that a person can write. A bad option fails where it
 * was written, with its name, what was expected, what came, and the fix.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import * as errors from './errors.ts'
import type { AdvanceOptions, BackoffOptions, BackoffStrategy, DefineOptions, DrainOptions, EnqueueItem, EnqueueOptions, ListOptions, ResultOptions, RoutesOptions, TasksOptions, ThreadsOptions, WorkerOptions } from './types.ts'

/** setTimeout fires at once above this. */
export const MAX_TIMER = 2 ** 31 - 1
/** The latest time that a Date can hold. */
const MAX_DATE = 8.64e15
const ONE_DAY = 86_400_000

export const defaults = {
  name: 'tasks',
  mode: 'redis' as 'redis' | 'memory',
  prefix: 'bq',
  queue: 'default',
  queues: [] as string[],
  routes: {} as false | RoutesOptions,
  worker: false as boolean | WorkerOptions,
  threads: { max: availableParallelism(), idleTimeout: 60_000 } as ThreadsOptions,
  retries: 0,
  backoff: { strategy: 'exponential', delay: 1_000, max: 60_000, jitter: true } as BackoffOptions,
  backoffStrategies: {} as Record<string, BackoffStrategy>,
  timeout: 0,
  resultTtl: ONE_DAY,
  // Bee-Queue's own 5 s runs a task twice where its handler holds the event loop for that long.
  stallInterval: 30_000,
  maxStalls: 2,
  redisTimeout: 2_000,
  connectTimeout: 2_000,
  maxDataSize: 1_048_576,
  maxResultSize: 1_048_576,
  maxProgressSize: 65_536,
  exposeStack: false
}

export const workerDefaults = { concurrency: 10, closeTimeout: 10_000 }

/** Under the 5 s after which Jest and Vitest give up, and cannot say why. */
export const drainDefaults = { timeout: 4_000, delayed: false, wait: true }

export const listDefaults = { limit: 50 }

/** Of `fastify-tasks dev`. Who develops does not wait long for what runs: it is handed back, and runs again. */
export const devDefaults = { port: 3_000, host: 'localhost', closeTimeout: 2_000 }

export type Settings = typeof defaults & Pick<TasksOptions, 'redis'>
export type WorkerSettings = Required<WorkerOptions>

interface Rule {
  ok: (value: any) => boolean
  expected: string
  fix: string
}
type Rules = Record<string, Rule>

/** Makes the error of a rule that was broken, for the place where the option was written. */
type ToError = (option: string, rule: Rule, value: unknown) => Error

const NAME = /^[A-Za-z0-9_-]{1,64}$/
// Not longer than a parameter of Fastify's router may be; not "." or "..", which a path cannot carry.
const ID = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/

export const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value)
const isName = (value: unknown): value is string => typeof value === 'string' && NAME.test(value)
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isObject = (value: unknown): value is Record<string, any> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isFile = (value: unknown): boolean => value instanceof URL || /^file:/.test(value as string) ? fileURLToPath(value as URL) !== '' : typeof value === 'string' && value !== '' && !value.includes('\0')
const isHook = (value: unknown): boolean => Array.isArray(value) ? value.every(isFunction) : isFunction(value)
/** Ms of a Date or a number. A Date's own value: its methods may be another's. */
export const timeOf = (value: unknown): number => value instanceof Date ? new Date(value).getTime() : value as number
const isTime = (value: unknown): boolean => {
  const time = timeOf(value)
  return Number.isInteger(time) && time >= 0 && time <= MAX_DATE
}

function integer (min: number, max: number, unit: string, fix: string): Rule {
  const range = `${min.toLocaleString('en')} to ${max.toLocaleString('en')}`
  return { ok: value => Number.isInteger(value) && value >= min && value <= max, expected: `a whole number ${unit}, ${range}`, fix }
}

const bool = (fix: string): Rule => ({ ok: value => typeof value === 'boolean', expected: 'true or false', fix })

const name = (fix: string): Rule => ({ ok: isName, expected: 'a string of 1 to 64 characters of A-Z, a-z, 0-9, "_", "-"', fix })

const queueNames: Rule = {
  ok: value => Array.isArray(value) && value.every(isName),
  expected: 'an array of queue names (A-Z, a-z, 0-9, "_", "-", up to 64 characters)',
  fix: 'For example ["default", "mail"].'
}

const perTask: Rules = {
  retries: integer(0, 1_000_000, 'of attempts after the first', 'For example 3.'),
  backoff: { ok: isObject, expected: 'an object', fix: 'For example { strategy: "exponential", delay: 1000, max: 60000, jitter: true }.' },
  timeout: integer(0, MAX_TIMER, 'of ms', 'For example 120000; 0 is no limit.')
}

const resultTtl = integer(0, MAX_DATE / 4, 'of ms', 'For example 86400000, one day.')

const backoffRules: Rules = {
  strategy: { ok: value => typeof value === 'string', expected: '"immediate", "fixed", "exponential" or a name from backoffStrategies', fix: 'Register a function of your own in the plugin\'s backoffStrategies.' },
  delay: integer(1, MAX_TIMER, 'of ms', 'For example 1000.'),
  max: integer(1, MAX_DATE / 4, 'of ms', 'For example 60000.'),
  jitter: bool('Full jitter, or none.')
}

const defineRules: Rules = {
  ...perTask,
  queue: name('For example "mail".'),
  resultTtl,
  authorize: { ok: isFunction, expected: 'a function', fix: 'For example (request, record) => request.user.id === …' },
  expose: { ok: value => Array.isArray(value) && value.every(one => one === 'data'), expected: 'an array of "data"', fix: 'For example ["data"].' },
  thread: { ok: isFile, expected: 'a path, or a file: URL', fix: 'For example new URL("./resize.js", import.meta.url).' },
  schema: { ok: isObject, expected: 'an object', fix: 'For example { data: { type: "object", properties: {} } }.' }
}

const anySchema: Rule = { ok: value => typeof value === 'boolean' || (typeof value === 'object' && value !== null), expected: 'a schema', fix: 'For example { type: "object", properties: {} }.' }
const schemaRules: Rules = { data: anySchema, result: anySchema, progress: anySchema }

const enqueueRules: Rules = {
  ...perTask,
  queue: name('For example "mail".'),
  delay: integer(0, MAX_DATE / 4, 'of ms', 'For a point in time use delayUntil.'),
  delayUntil: { ok: value => isTime(value) && timeOf(value) > 1e11, expected: 'a Date, or ms since 1970', fix: 'Seconds must be multiplied by 1000; for a span of time use delay.' },
  expires: { ok: isTime, expected: 'a Date, or a whole number of ms from now', fix: 'For example 60000.' },
  id: { ok: isId, expected: '1 to 100 characters of A-Z, a-z, 0-9, "_", ".", ":", "-"', fix: 'Leave it out for a random UUID.' }
}

const resultRules: Rules = {
  timeout: integer(0, MAX_TIMER, 'of ms', 'For example 5000; 0 looks once; leave it out for no limit.'),
  signal: { ok: value => value instanceof AbortSignal, expected: 'an AbortSignal', fix: 'For example AbortSignal.timeout(5000), or the signal of an AbortController.' }
}

const workerRules: Rules = {
  queues: queueNames,
  concurrency: integer(1, 1_000, 'of tasks at once', 'For example 10.'),
  closeTimeout: integer(0, MAX_TIMER, 'of ms', 'For example 10000.')
}

const drainRules: Rules = {
  timeout: integer(1, MAX_TIMER, 'of ms', 'For example 60000, where handlers take long.'),
  delayed: bool('true runs what is delayed too.')
}

const advanceRules: Rules = {
  timeout: drainRules.timeout!,
  wait: bool('false does not wait for the end of what became due.')
}

const span = integer(0, MAX_DATE / 4, 'of ms', 'For example advance(60000).')

const threadsRules: Rules = {
  max: integer(1, 1_000, 'of threads', 'For example 4; by default as many as there are processors.'),
  idleTimeout: integer(0, MAX_TIMER, 'of ms', 'For example 60000.'),
  maxHeap: integer(16, 1_048_576, 'of MiB', 'For example 512; by default Node\'s own limit.')
}

export const STATES = ['waiting', 'delayed', 'active', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']

const listRules: Rules = {
  state: { ok: value => STATES.includes(value), expected: `one of ${STATES.join(', ')}`, fix: 'For example list({ state: "failed" }).' },
  queue: name('For example "mail".'),
  name: { ok: isId, expected: 'a task\'s name', fix: 'For example "resize".' },
  limit: integer(1, 1_000, 'of ids', 'For example 50.'),
  cursor: { ok: value => typeof value === 'string' && /^[A-Za-z0-9_-]+(\/.+)?$/s.test(value), expected: 'the cursor of the page before', fix: 'Leave it out for the first page.' }
}

const routesRules: Rules = {
  prefix: { ok: value => typeof value === 'string' && /^\/[^?#]*$/.test(value) && !value.endsWith('/'), expected: 'a path that starts with "/" and does not end with it', fix: 'For example "/jobs".' },
  cancel: bool('It mounts DELETE /tasks/:id.'),
  onRequest: { ok: isHook, expected: 'a function or an array of functions', fix: 'As in a route of Fastify\'s.' },
  preHandler: { ok: isHook, expected: 'a function or an array of functions', fix: 'As in a route of Fastify\'s.' }
}

const MODES = ['redis', 'memory']
const isNode = (value: unknown): boolean => isObject(value) || Number.isInteger(value) || (typeof value === 'string' && /^rediss?:\/\//.test(value))

const clusterRule: Rule = {
  ok: value => Array.isArray(value) && value.length > 0 && value.every(isNode),
  expected: 'an array of one or more nodes, each a URL or { host, port }',
  fix: 'For example { cluster: [{ host: "redis-1", port: 6379 }, { host: "redis-2", port: 6379 }] }.'
}

const pluginRules: Rules = {
  ...perTask,
  mode: { ok: value => MODES.includes(value), expected: '"redis" or "memory"', fix: '"memory" keeps tasks in this process and runs them there, without Redis: for tests.' },
  name: name('It names the decorator: register(tasks, { name: "reports" }) gives fastify.reports.'),
  prefix: name('It is the first part of the keys in Redis; for the path of the routes use routes: { prefix: "/jobs" }.'),
  redis: { ok: value => isObject(value) || (typeof value === 'string' && /^(rediss?:\/\/|\/)/.test(value)), expected: 'a URL (redis://user:password@host:port/db, rediss://…), a socket\'s path, ioredis options, { cluster: [nodes] }, or an ioredis client', fix: 'Leave it out to use fastify.redis, REDIS_URL, or redis://localhost:6379/0.' },
  queues: queueNames,
  routes: { ok: value => value === false || isObject(value), expected: 'false or an object', fix: 'For example { prefix: "/jobs" }.' },
  worker: { ok: value => typeof value === 'boolean' || isObject(value), expected: 'true, false or an object', fix: 'For example { concurrency: 10 }.' },
  threads: { ok: isObject, expected: 'an object', fix: 'For example { max: 4 }.' },
  backoffStrategies: { ok: value => isObject(value) && Object.values(value).every(isFunction), expected: 'an object of functions', fix: 'For example { linear: attempt => attempt * 1000 }.' },
  resultTtl,
  stallInterval: integer(1_000, MAX_TIMER, 'of ms', 'For example 30000: longer than any handler holds the event loop.'),
  maxStalls: integer(0, 1_000, 'of stalls', 'For example 2.'),
  redisTimeout: integer(1, MAX_TIMER, 'of ms', 'For example 2000.'),
  connectTimeout: integer(1, MAX_TIMER, 'of ms', 'For example 2000.'),
  maxDataSize: integer(1, 512 * 1_048_576, 'of bytes', 'For example 1048576.'),
  maxResultSize: integer(1, 512 * 1_048_576, 'of bytes', 'For example 1048576.'),
  maxProgressSize: integer(1, 512 * 1_048_576, 'of bytes', 'For example 65536.'),
  exposeStack: bool('Stacks tell a stranger about your code.')
}

/** How many letters must be changed, added or taken out (Levenshtein). */
function distance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]!
}

/** The known name that is nearest to a misspelt one. */
function nearest (name: string, known: string[]): string {
  const far = (other: string): number => distance(name.slice(0, 40).toLowerCase(), other.toLowerCase())
  return known.reduce((best, other) => far(other) < far(best) ? other : best)
}

function check (values: Record<string, any>, rules: Rules, where: string, complain: ToError): void {
  for (const key of Object.keys(values)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined
    if (!rule) throw new errors.OptionUnknown(errors.describeName(key), where, nearest(key, Object.keys(rules)), Object.keys(rules).join(', '))
    if (values[key] !== undefined && !passes(rule, values[key])) throw complain(key, rule, values[key])
  }
}

/** A value may throw when it is looked at. */
function passes (rule: Rule, value: unknown): boolean {
  try {
    return rule.ok(value)
  } catch {
    return false
  }
}

/** The own properties, each read once: what was checked is what is used. */
function copyOptions<T extends object> (task: string, values: T, what: string, fix: string): T {
  try {
    if (isObject(values)) return { ...values }
  } catch {}
  throw new errors.TaskOptionInvalid(task, what, 'an object', errors.describeValue(values), fix)
}

function checkBackoff (backoff: BackoffOptions, strategies: Record<string, BackoffStrategy>, complain: ToError): void {
  check(backoff, backoffRules, 'backoff', (key, rule, value) => complain(`backoff.${key}`, rule, value))
  const known = ['immediate', 'fixed', 'exponential', ...Object.keys(strategies)]
  if (known.includes(backoff.strategy)) return
  throw complain('backoff.strategy', { ...backoffRules.strategy!, expected: `one of ${known.join(', ')}` }, backoff.strategy)
}

const pluginOptionError = (path: string): ToError => (option, rule, value) =>
  new errors.PluginOptionInvalid(path + option, rule.expected, option === 'redis' ? withoutPassword(value) : errors.describeValue(value), rule.fix)

const withoutPassword = (redis: unknown): string => errors.describeValue(typeof redis === 'string' ? redis.replace(/\/\/.*@/s, '//…@') : redis)

const taskOptionError = (task: string): ToError => (option, rule, value) =>
  option === 'id' ? new errors.TaskIdInvalid(errors.describeValue(value)) : new errors.TaskOptionInvalid(task, option, rule.expected, errors.describeValue(value), rule.fix)

function definedOnly<T extends object> (values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** Checks the options of `register` and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function pluginSettings (options: TasksOptions): Settings {
  check(options, pluginRules, 'register(tasks, options)', pluginOptionError(''))
  const settings = { ...defaults, ...definedOnly(options) } as Settings
  checkBackoff(settings.backoff, settings.backoffStrategies, pluginOptionError(''))
  if (settings.routes) check(settings.routes, routesRules, 'routes', pluginOptionError('routes.'))
  if (isObject(settings.worker)) check(settings.worker, workerRules, 'worker', pluginOptionError('worker.'))
  check(settings.threads, threadsRules, 'threads', pluginOptionError('threads.'))
  settings.threads = { ...defaults.threads, ...definedOnly(settings.threads) }
  checkCluster(settings.redis)
  refuseKeyPrefix(settings.redis)
  if (settings.mode === 'memory' && settings.redis !== undefined) throw new errors.OptionClash('mode', 'redis', 'In the mode "memory" no Redis is dialled: leave out redis, in tests')
  return settings
}

/** Its own property: every client of ioredis' has a method of that name. Nodes may hold passwords: their kinds are shown. */
function checkCluster (redis: TasksOptions['redis']): void {
  if (!isObject(redis) || !Object.hasOwn(redis, 'cluster')) return
  const { cluster } = redis as { cluster: unknown }
  if (clusterRule.ok(cluster)) return
  throw pluginOptionError('redis.')('cluster', clusterRule, Array.isArray(cluster) ? cluster.map(node => typeof node) : typeof cluster)
}

/** ioredis' keyPrefix renames the keys but not the channels: delayed tasks would never wake a worker. */
export function refuseKeyPrefix (redis: TasksOptions['redis']): void {
  const keyPrefix = isObject(redis) ? (redis as any).keyPrefix ?? (redis as any).options?.keyPrefix : undefined
  if (keyPrefix) throw new errors.OptionClash('redis.keyPrefix', 'prefix', 'Take keyPrefix out of the client, and name the keys with the plugin\'s own option: register(tasks, { prefix: "myapp" })')
}

/** Checks the options of a worker and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function workerSettings (options: WorkerOptions, queues: string[]): WorkerSettings {
  if (!isObject(options)) throw pluginOptionError('')('worker', pluginRules.worker!, options)
  check(options, workerRules, 'the worker\'s options', pluginOptionError('worker.'))
  return { ...workerDefaults, queues, ...definedOnly(options) } as WorkerSettings
}

/** Checks what `advance` is given and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function advanceSettings (ms: number, options: AdvanceOptions): Required<AdvanceOptions> {
  if (!span.ok(ms)) throw pluginOptionError('')('advance', span, ms)
  return waitSettings(options, advanceRules, 'advance')
}

/** Checks the options of `drain` and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function drainSettings (options: DrainOptions): Required<DrainOptions> {
  return waitSettings(options, drainRules, 'drain')
}

function waitSettings (options: object, rules: Rules, where: string): typeof drainDefaults {
  if (!isObject(options)) throw pluginOptionError('')(where, { ok: isObject, expected: 'an object', fix: 'For example { timeout: 60000 }.' }, options)
  check(options, rules, `${where}(options)`, pluginOptionError(`${where}.`))
  return { ...drainDefaults, ...definedOnly(options) }
}

/** Checks the options of `list`. Throws FST_TASKS_*_OPTION_*. */
export function checkList (options: ListOptions): void {
  if (!isObject(options)) throw pluginOptionError('')('list', { ok: isObject, expected: 'an object', fix: 'For example list({ state: "failed" }).' }, options)
  check(options, listRules, 'list(options)', pluginOptionError('list.'))
  if (options.state === undefined) throw pluginOptionError('list.')('state', listRules.state!, undefined)
}

/** Checks the options of `define`. Throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN, FST_TASKS_NAME_INVALID. */
export function checkDefine (task: unknown, options: DefineOptions, settings: Settings): void {
  if (!isId(task)) throw new errors.TaskNameInvalid(errors.describeValue(task))
  if (!isObject(options)) throw new errors.TaskOptionInvalid(task, 'options', 'an object', errors.describeValue(options), 'For example { retries: 3 }.')
  check(options, defineRules, `define("${task}", options)`, taskOptionError(task))
  if (options.schema) check(options.schema as object, schemaRules, 'schema', (key, rule, value) => taskOptionError(task)(`schema.${key}`, rule, value))
  if (options.backoff) checkBackoff(options.backoff, settings.backoffStrategies, taskOptionError(task))
}

/** Checks the options of `enqueue`, and gives a copy. Throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN, FST_TASKS_ID_INVALID. */
export function checkEnqueue (task: string, given: EnqueueOptions, settings: Settings): EnqueueOptions {
  const options = copyOptions(task, given, 'options', 'For example { delay: 60000 }.')
  if (options.backoff !== undefined) options.backoff = copyOptions(task, options.backoff, 'backoff', perTask.backoff!.fix)
  check(options, enqueueRules, `enqueue("${task}", data, options)`, taskOptionError(task))
  if (options.delay !== undefined && options.delayUntil !== undefined) throw new errors.OptionClash('delay', 'delayUntil', 'delay is a span of time from now, delayUntil a point in time: give one')
  if (options.backoff) checkBackoff(options.backoff, settings.backoffStrategies, taskOptionError(task))
  return options
}

/** Checks the options of a handle's `result`, and gives a copy. Throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkResult (task: string, given: ResultOptions): ResultOptions {
  const options = copyOptions(task, given, 'options', 'For example { timeout: 5000 }.')
  check(options, resultRules, 'result(options)', taskOptionError(task))
  return options
}

/** Checks what `enqueueMany` is given, and gives copies. Throws FST_TASKS_TASK_OPTION_INVALID. */
export function checkItems (task: string, items: Array<EnqueueItem<any>>): Array<EnqueueItem<any>> {
  if (!Array.isArray(items)) throw new errors.TaskOptionInvalid(errors.describeName(task), 'items', 'an array', errors.describeValue(items), 'For example [{ data: 1 }, { data: 2 }].')
  // Array.from: map would leave out holes.
  return Array.from(items, item => copyOptions(errors.describeName(task), item, 'items', 'For example [{ data: 1 }, { data: 2 }].'))
}
