/**
 * Checks the arguments of calls about many tasks: `count`, `retryMany`, `cancelMany`, `removeMany`.
 */
import * as errors from '../errors.ts'
import { STATES } from '../records/states.ts'
import { checkOptions } from './check.ts'
import {
  areAll, integer, isFunction, isId, isTime, name, object, tagRule, timeOf, type Rule, type Rules
} from './rule-kinds.ts'
import { enqueueRules, whereRules } from './rules.ts'
import type { ManyOptions, RescheduleOptions, TaskFilter, TaskState } from '../types.ts'

export type ManyCall = 'count' | 'retryMany' | 'cancelMany' | 'removeMany'

/** The states of the tasks that a call can do something about. */
export const manyStates: Record<ManyCall, readonly TaskState[]> = {
  count: STATES,
  retryMany: ['failed'],
  cancelMany: ['waiting', 'delayed', 'active', 'retrying'],
  removeMany: STATES.filter(state => state !== 'active')
}

/** A filter without what is left out, and with its times on the clock of the app. */
export interface CheckedFilter {
  states: readonly TaskState[]
  queue: string | undefined
  name: string | undefined
  tag: string | undefined
  code: string | undefined
  from: number
  to: number
}

const time: Rule = { ok: isTime, expected: 'a Date, or ms since 1970', fix: 'For example Date.now() - 3600000.' }

const stateRule = (states: readonly TaskState[]): Rule => ({
  ok: value => states.includes(value) || (areAll(value, one => states.includes(one as TaskState)) && value.length > 0),
  expected: `one of ${states.join(', ')}, or an array of them`,
  fix: `For example { state: "${states.at(-1)}" }.`
})

const filterRules = (states: readonly TaskState[]): Rules => ({
  state: stateRule(states),
  queue: name('For example "mail".'),
  name: { ok: isId, expected: 'a task\'s name', fix: 'For example "resize".' },
  tag: tagRule,
  code: {
    ok: value => typeof value === 'string' && value !== '',
    expected: 'the code of an error',
    fix: 'For example "FST_TASKS_TIMEOUT".'
  },
  from: time,
  to: time
})

const countRules: Rules = {
  limit: integer(1, Number.MAX_SAFE_INTEGER, 'of tasks', 'Leave it out for no limit.'),
  signal: {
    ok: value => value instanceof AbortSignal,
    expected: 'an AbortSignal',
    fix: 'For example AbortSignal.timeout(5000), or the signal of an AbortController.'
  }
}

const manyRules: Rules = {
  ...countRules,
  cursor: {
    ok: value => typeof value === 'string',
    expected: 'the cursor of the call before',
    fix: 'Leave it out to begin.'
  },
  onProgress: { ok: isFunction, expected: 'a function', fix: 'For example ({ cursor }) => saveCursor(cursor).' }
}

const filterRule = object('For example { state: "failed" }.')
const optionsRule = object('For example { limit: 1000 }.')

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkFilter (call: ManyCall, given: Partial<TaskFilter>): CheckedFilter {
  const states = manyStates[call]
  checkOptions(given, filterRules(states), filterRule, call)
  const state = given.state ?? (call === 'retryMany' ? 'failed' : undefined)
  checkOptions({ state: state ?? null }, { state: stateRule(states) }, filterRule, call)
  const { queue, name, tag, code, from, to } = given
  const [first, last] = [from === undefined ? -Infinity : timeOf(from), to === undefined ? Infinity : timeOf(to)]
  return { states: [state!].flat(), queue, name, tag, code, from: first, to: last }
}

const rescheduleRules: Rules = {
  delay: enqueueRules.delay!, delayUntil: enqueueRules.delayUntil!, queue: whereRules.queue!
}
const rescheduleRule = object('For example { delay: 60000 }.')

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID and FST_TASKS_OPTION_UNKNOWN, _CLASH, _MISSING. */
export function checkReschedule (options: RescheduleOptions): void {
  checkOptions(options, rescheduleRules, rescheduleRule, 'reschedule')
  const { delay, delayUntil } = options
  if (delay === undefined && delayUntil === undefined) {
    throw new errors.OptionMissing('delay', 'delayUntil', 'Say when the task is due, for example { delay: 60000 }')
  }
  if (delay !== undefined && delayUntil !== undefined) {
    const fix = 'delay is a span of time from now, delayUntil a point in time: give one of them'
    throw new errors.OptionClash('delay', 'delayUntil', fix)
  }
}

/** Throws as `checkFilter`. */
export function checkMany (call: ManyCall, options: ManyOptions): void {
  checkOptions(options, call === 'count' ? countRules : manyRules, optionsRule, call)
}
