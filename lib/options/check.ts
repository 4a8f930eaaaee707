/**
 * Checks each object of options when it is passed. The error names the option, what was expected, what came, and the
 * fix.
 */
import { describeName, describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import {
  defaults, drainDefaults, routesDefaults, workerDefaults, type Settings, type WorkerSettings
} from './defaults.ts'
import { describePlace, problemOfDb, problemOfUrl } from './redis-url.ts'
import { check, passes, type ToError } from './check-rules.ts'
import { checkLimits } from './limits.ts'
import { refuseClientOptions } from './redis-client.ts'
import { checkUnique } from './unique.ts'
import { isId, isObject, object, type Rule, type Rules } from './rule-kinds.ts'
import {
  advanceRule, advanceRules, backoffRules, clusterRule, defineRule, defineRules, drainRules, enqueueRules, hostRule,
  listRule, listRules, metricsRules, pluginRules, purgeRule, purgeRules, redisUrlRule, resultRules, routesRules,
  scheduleListRule, scheduleListRules, schemaRules, threadsRules, waitRule, whereRule, whereRules, workerRules
} from './rules.ts'
import { below, pluginOptionError, taskOptionError } from './to-error.ts'
import type {
  AdvanceOptions, BackoffOptions, BackoffStrategy, DefineOptions, DrainOptions, EnqueueItem, EnqueueOptions,
  FlowListOptions, ListOptions, PurgeOptions, ResultOptions, ScheduleListOptions, TagListOptions, TasksOptions,
  WhereOptions, WorkerOptions
} from '../types.ts'

/** Copies the own properties. Each is read once, so that the values which are checked are the values which are used. */
export function copyOptions<T extends object> (task: string, values: T, name: string, fix: string): T {
  try {
    if (isObject(values)) return { ...values }
  } catch {}
  throw new errors.TaskOptionInvalid(task, name, 'an object', describeValue(values), fix)
}

function definedOnly<T extends object> (values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}

function checkBackoff (backoff: BackoffOptions, strategies: Record<string, BackoffStrategy>, toError: ToError): void {
  check(backoff, backoffRules, 'backoff', below('backoff', toError))
  const known = ['immediate', 'fixed', 'exponential', ...Object.keys(strategies)]
  if (known.includes(backoff.strategy)) return
  const rule = { ...backoffRules.strategy, expected: `one of ${known.join(', ')}` }
  throw toError('backoff.strategy', rule, backoff.strategy)
}

/** The options of `register` as a whole. */
const registerRule = object('For example { worker: true }; if a promise brings them, await it.')

/** Checks the options of `register` and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function pluginSettings (options: TasksOptions): Settings {
  if (!isObject(options)) throw pluginOptionError('')('options', registerRule, options)
  check(options, pluginRules, 'register(tasks, options)', pluginOptionError(''))
  const settings = { ...defaults, ...definedOnly(options) } as Settings
  const { backoff, backoffStrategies, routes, worker, threads, redis, mode } = settings
  checkBackoff(backoff, backoffStrategies, pluginOptionError(''))
  if (routes) {
    check(routes, routesRules, 'routes', pluginOptionError('routes.'))
    settings.routes = { ...routesDefaults, ...definedOnly(routes) }
  }
  if (isObject(worker)) check(worker, workerRules, 'worker', pluginOptionError('worker.'))
  check(threads, threadsRules, 'threads', pluginOptionError('threads.'))
  if (isObject(settings.metrics)) check(settings.metrics, metricsRules, 'metrics', pluginOptionError('metrics.'))
  settings.threads = { ...defaults.threads, ...definedOnly(threads) }
  checkCluster(redis)
  checkHosts(redis)
  refuseClientOptions(redis)
  if (mode === 'memory' && redis !== undefined) {
    throw new errors.OptionClash('mode', 'redis', 'The mode "memory" connects to no Redis: leave out redis in tests')
  }
  return settings
}

/** An own property only: every ioredis client has a method `cluster`. Nodes may hold passwords, so types are shown. */
function checkCluster (redis: TasksOptions['redis']): void {
  if (!isObject(redis) || !Object.hasOwn(redis, 'cluster')) return
  const { cluster } = redis as { cluster: unknown }
  if (clusterRule.ok(cluster)) return
  const shown = Array.isArray(cluster) ? cluster.map(node => typeof node) : typeof cluster
  throw pluginOptionError('redis.')('cluster', clusterRule, shown)
}

/** The host is shown in the address: a URL there would be shown with its password. */
function checkHosts (redis: TasksOptions['redis']): void {
  if (!isObject(redis)) return
  const { host, sentinels, cluster } = redis as { host?: unknown, sentinels?: unknown, cluster?: unknown }
  const nodes = [sentinels, Object.hasOwn(redis, 'cluster') ? cluster : []].flat().filter(isObject)
  for (const given of [host, ...nodes.map(node => node.host)]) {
    if (given !== undefined && !passes(hostRule, given)) throw pluginOptionError('redis.')('host', hostRule, given)
  }
}

/** Checks a URL of the environment. Throws FST_TASKS_PLUGIN_OPTION_INVALID, which does not show it. */
export function checkRedisUrl (name: string, url: string | undefined): string | undefined {
  if (url && !passes(redisUrlRule, url)) throw pluginOptionError('')(name, redisUrlRule, url)
  return url || undefined
}

/**
 * Checks what ioredis would fail at later, by an error that ends the process or that shows the password.
 * @param source the option or the environment variable that has the value
 * @throws FST_TASKS_PLUGIN_OPTION_INVALID
 */
export function checkRedisAddress (redis: unknown, source: string): void {
  const { db } = (isObject(redis) ? redis : {}) as { db?: unknown }
  const problem = typeof redis === 'string' ? problemOfUrl(redis) : problemOfDb(db)
  if (!problem) return
  const came = typeof redis === 'string' ? describePlace(redis, describeValue) : `db: ${describeValue(db)}`
  throw new errors.PluginOptionInvalid(source, problem.expected, came, problem.fix)
}

/** Checks the options of a worker and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function workerSettings (options: WorkerOptions, queues: string[]): WorkerSettings {
  if (!isObject(options)) throw pluginOptionError('')('worker', pluginRules.worker, options)
  check(options, workerRules, 'the worker\'s options', pluginOptionError('worker.'))
  const settings = { ...workerDefaults, queues, ...definedOnly(options) } as WorkerSettings
  // A queue that is named twice would be served twice: by more tasks at once, and with the same claim tokens.
  return { ...settings, queues: [...new Set(settings.queues)] }
}

/** Checks the arguments of `advance` and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function advanceSettings (ms: number, options: AdvanceOptions): Required<AdvanceOptions> {
  if (!advanceRule.ok(ms)) throw pluginOptionError('')('advance', advanceRule, ms)
  return waitSettings(options, advanceRules, 'advance')
}

/** Checks the options of `drain` and fills in the defaults. Throws FST_TASKS_*_OPTION_*. */
export function drainSettings (options: DrainOptions): Required<DrainOptions> {
  return waitSettings(options, drainRules, 'drain')
}

function waitSettings (options: object, rules: Rules, call: string): typeof drainDefaults {
  if (!isObject(options)) throw pluginOptionError('')(call, waitRule, options)
  check(options, rules, `${call}(options)`, pluginOptionError(`${call}.`))
  return { ...drainDefaults, ...definedOnly(options) }
}

/** Checks the options that say in which queue a task is. Throws FST_TASKS_*_OPTION_*. */
export function checkWhere (options: WhereOptions): void {
  if (!isObject(options)) throw pluginOptionError('')('options', whereRule, options)
  check(options, whereRules, 'the options', pluginOptionError(''))
}

/** Checks the options of a call. Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkOptions (options: object, rules: Rules, whole: Rule, call: string): void {
  if (!isObject(options)) throw pluginOptionError('')(call, whole, options)
  check(options, rules, `${call}(options)`, pluginOptionError(`${call}.`))
}

/** Checks the options of `purge`. Throws FST_TASKS_*_OPTION_*. */
export function checkPurge (options: PurgeOptions): void {
  if (!isObject(options)) throw pluginOptionError('')('purge', purgeRule, options)
  check(options, purgeRules, 'purge(queue, options)', pluginOptionError('purge.'))
}

/** Checks the options of `list`. Throws FST_TASKS_*_OPTION_*. */
export function checkList (given: ListOptions | TagListOptions | FlowListOptions): void {
  const options = given as Partial<ListOptions>
  if (!isObject(options)) throw pluginOptionError('')('list', listRule, options)
  check(options, listRules, 'list(options)', pluginOptionError('list.'))
  const { state, tag, kind, flow } = options
  const isOfFlows = kind === 'flow' || flow !== undefined
  if (isOfFlows && (state ?? tag) !== undefined) {
    const [by, other] = [state === undefined ? 'tag' : 'state', flow === undefined ? 'kind' : 'flow']
    throw new errors.OptionClash(by, other, 'Flows are listed by neither state nor tag')
  }
  if (!isOfFlows && tag === undefined && state === undefined) {
    throw pluginOptionError('list.')('state', listRules.state, undefined)
  }
}

/** Checks the options of `schedules.list`. Throws FST_TASKS_*_OPTION_*. */
export function checkScheduleList (options: ScheduleListOptions): void {
  if (!isObject(options)) throw pluginOptionError('')('schedules.list', scheduleListRule, options)
  check(options, scheduleListRules, 'schedules.list(options)', pluginOptionError('schedules.list.'))
}

/**
 * Checks the name and the options of `define`, and returns a copy: the app may use its object for the next task.
 * @throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN, FST_TASKS_NAME_INVALID
 */
export function checkDefine (
  task: unknown, given: DefineOptions, { backoffStrategies, resultTtl }: Settings
): DefineOptions {
  if (!isId(task)) throw new errors.TaskNameInvalid(describeValue(task))
  const options = copyOptions(task, given, 'options', defineRule.fix)
  const toError = taskOptionError(task)
  check(options, defineRules, `define("${task}", options)`, toError)
  checkLimits(options, below('limit', toError), below('rate', toError))
  checkUnique(options, options.resultTtl ?? resultTtl, toError)
  if (options.schema) check(options.schema as object, schemaRules, 'schema', below('schema', toError))
  if (options.backoff) checkBackoff(options.backoff, backoffStrategies, toError)
  return options
}

/** The options of an enqueue, not checked yet. Throws FST_TASKS_TASK_OPTION_INVALID if they are no object. */
export const copyEnqueue = (task: string, given: EnqueueOptions): EnqueueOptions =>
  copyOptions(task, given, 'options', 'For example { delay: 60000 }.')

/**
 * Checks the options of `enqueue`, or those of an item of `enqueueMany`, and returns a copy.
 * @throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN, FST_TASKS_OPTION_CLASH, FST_TASKS_ID_INVALID
 */
export function checkEnqueue (
  task: string, given: EnqueueOptions, settings: Settings, isItem = false
): EnqueueOptions {
  const options = copyEnqueue(task, given)
  if (options.backoff !== undefined) {
    options.backoff = copyOptions(task, options.backoff, 'backoff', enqueueRules.backoff!.fix)
  }
  const where = isItem ? `enqueueMany("${task}", [{ data, ...options }])` : `enqueue("${task}", data, options)`
  check(options, enqueueRules, where, taskOptionError(task))
  if (options.delay !== undefined && options.delayUntil !== undefined) {
    const fix = 'delay is a span of time from now, delayUntil a point in time: give one of them'
    throw new errors.OptionClash('delay', 'delayUntil', fix)
  }
  if (options.backoff) checkBackoff(options.backoff, settings.backoffStrategies, taskOptionError(task))
  return options
}

/**
 * Checks the options of a handle's `result`, and returns a copy.
 * @throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN
 */
export function checkResult (task: string, given: ResultOptions): ResultOptions {
  const options = copyOptions(task, given, 'options', 'For example { timeout: 5000 }.')
  check(options, resultRules, 'result(options)', taskOptionError(task))
  return options
}

/** Checks the items of `enqueueMany`, and returns copies. Throws FST_TASKS_TASK_OPTION_INVALID. */
export function checkItems (task: string, items: Array<EnqueueItem<any>>): Array<EnqueueItem<any>> {
  const name = describeName(task)
  const fix = 'For example [{ data: 1 }, { data: 2 }].'
  if (!Array.isArray(items)) {
    throw new errors.TaskOptionInvalid(name, 'items', 'an array', describeValue(items), fix)
  }
  // Array.from: map would skip holes.
  return Array.from(items, item => copyOptions(name, item, 'items', fix))
}
