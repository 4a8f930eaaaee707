/**
 * Checks the options of limits and of pauses.
 */
import * as errors from '../errors.ts'
import { check, type ToError } from './check-rules.ts'
import { bool, integer, isFunction, isId, isObject, name, object, type Rule, type Rules } from './rule-kinds.ts'
import { isFullArray } from '../own.ts'
import { pluginOptionError } from './to-error.ts'
import type { DefineOptions, LimitChange, LimitOptions, PauseTarget, RateChange, RateOptions } from '../types.ts'

const limitRules: Rules = {
  max: integer(1, 10_000, 'of tasks', 'For example 2.'),
  key: { ok: isFunction, expected: 'a function', fix: 'For example data => data.tenant.' },
  ordered: bool('true runs the tasks of a key one at a time, in order.')
}

const rateRules: Rules = {
  max: integer(1, 1_000_000, 'of tasks', 'For example 10.'),
  timeWindow: integer(100, 2_592_000_000, 'of ms', 'For example 1000.'),
  key: { ok: isFunction, expected: 'a function', fix: 'For example data => data.tenant.' }
}
const rateRule = object('For example { max: 10, timeWindow: 1000 }.')

const scopeRule: Rule = {
  ok: value => value === 'key' || value === 'task',
  expected: "'key' or 'task'",
  fix: "'key' for a rate of each key, 'task' for one of all tasks of the name together."
}

const setLimitRules: Rules = {
  limit: object('For example { max: 5 }.'),
  rate: {
    ok: value => isObject(value) || (isFullArray(value) && value.length <= 5),
    expected: 'an object, or an array of at most 5 objects',
    fix: 'For example { max: 10, timeWindow: 1000 }, or [] for none.'
  }
}
const setLimitRule = object('For example { limit: { max: 5 } }, or null for the limit of the code.')

const pauseRules: Rules = {
  queue: name('For example { queue: "mail" }.'),
  name: { ok: isId, expected: 'the name of a task', fix: 'For example { name: "resize" }.' }
}

/** The target of `pause` and `resume` as a whole. */
const pauseRule: Rule = {
  ok: value => isObject(value) && (value.queue !== undefined || value.name !== undefined),
  expected: 'an object with a queue or a name',
  fix: 'For example { queue: "mail" } or { name: "resize" }.'
}

/** Checks `limit` and `rate` of a definition. Throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_*. */
export function checkLimits ({ limit, rate }: DefineOptions, ofLimit: ToError, ofRate: ToError): void {
  if (limit) checkLimit(limit, ofLimit)
  if (!rate) return
  const rates = [rate].flat()
  checkRates(rates, rateRules, 'rate', ofRate)
  refuseSameWindow(rates.map(({ timeWindow, key }) => `${timeWindow} ${key !== undefined}`))
  if (!limit?.ordered || limit.key !== undefined || rates.every(({ key }) => key === undefined)) return
  throw new errors.OptionClash('limit.ordered', 'rate.key',
    'Tasks in order have one order for each key: give the limit the key of the rate')
}

function checkRates (rates: Array<RateOptions | RateChange>, rules: Rules, where: string, toError: ToError): void {
  for (const rate of rates) {
    if (!isObject(rate)) throw toError('', rateRule, rate)
    check(rate, rules, where, toError)
    for (const part of ['max', 'timeWindow'] as const) {
      if (rate[part] === undefined) throw toError(part, rules[part]!, undefined)
    }
  }
}

/** Throws FST_TASKS_OPTION_CLASH if two rates count the same starts. @param kinds which starts each one counts */
export function refuseSameWindow (kinds: string[]): void {
  if (new Set(kinds).size === kinds.length) return
  throw new errors.OptionClash('rate.timeWindow', 'rate', 'Two rates have the same window: keep the lower one')
}

function checkLimit (limit: LimitOptions, toError: ToError): void {
  check(limit as object, limitRules, 'limit', toError)
  const { max, ordered } = limit
  if (max === undefined && !ordered) throw toError('max', limitRules.max!, max)
  if (ordered && max !== undefined && max !== 1) {
    throw new errors.OptionClash('limit.max', 'limit.ordered', 'Tasks in order run one at a time: leave out max')
  }
}

/** Checks what `setLimit` is given. Throws FST_TASKS_*_OPTION_*. */
export function checkSetLimit (change: LimitChange | null): void {
  if (change === null) return
  if (!isObject(change)) throw pluginOptionError('')('setLimit', setLimitRule, change)
  check(change, setLimitRules, 'setLimit(name, change)', pluginOptionError('setLimit.'))
  const { limit, rate } = change
  if (limit === undefined && rate === undefined) throw pluginOptionError('')('setLimit', setLimitRule, change)
  if (limit) {
    check(limit, { max: limitRules.max! }, 'setLimit', pluginOptionError('setLimit.limit.'))
    if (limit.max === undefined) throw pluginOptionError('setLimit.limit.')('max', limitRules.max!, undefined)
  }
  const { max, timeWindow } = rateRules
  const rules = { max: max!, timeWindow: timeWindow!, scope: scopeRule }
  if (rate) checkRates([rate].flat(), rules, 'setLimit', pluginOptionError('setLimit.rate.'))
}

/** Checks the target of `pause` or `resume`. Throws FST_TASKS_*_OPTION_*. */
export function checkPause (call: 'pause' | 'resume', target: PauseTarget): void {
  if (!pauseRule.ok(target)) throw pluginOptionError('')(call, pauseRule, target)
  check(target as object, pauseRules, `${call}(target)`, pluginOptionError(`${call}.`))
}
