/**
 * Checks the options of limits and of pauses.
 */
import * as errors from '../errors.ts'
import { check, type ToError } from './check-rules.ts'
import { bool, integer, isFunction, isId, isObject, name, object, type Rule, type Rules } from './rule-kinds.ts'
import { pluginOptionError } from './to-error.ts'
import type { LimitChange, LimitOptions, PauseTarget } from '../types.ts'

const limitRules: Rules = {
  max: integer(1, 10_000, 'of tasks', 'For example 2.'),
  key: { ok: isFunction, expected: 'a function', fix: 'For example data => data.tenant.' },
  ordered: bool('true runs the tasks of a key one at a time, in order.')
}

const setLimitRules: Rules = { limit: object('For example { max: 5 }.') }
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

/** Checks the `limit` of a definition. Throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_*. */
export function checkLimit (limit: LimitOptions, toError: ToError): void {
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
  if (!isObject(change.limit)) throw pluginOptionError('setLimit.')('limit', setLimitRules.limit!, change.limit)
  check(change.limit, { max: limitRules.max! }, 'setLimit', pluginOptionError('setLimit.limit.'))
  if (change.limit.max === undefined) throw pluginOptionError('setLimit.limit.')('max', limitRules.max!, undefined)
}

/** Checks the target of `pause` or `resume`. Throws FST_TASKS_*_OPTION_*. */
export function checkPause (call: 'pause' | 'resume', target: PauseTarget): void {
  if (!pauseRule.ok(target)) throw pluginOptionError('')(call, pauseRule, target)
  check(target as object, pauseRules, `${call}(target)`, pluginOptionError(`${call}.`))
}
