/**
 * Checks the options of `enqueueFlow`. What the error says: see check.ts.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { check } from './check-rules.ts'
import { isId, isObject, type Rule, type Rules } from './rule-kinds.ts'
import { defineRules, enqueueRules } from './rules.ts'
import type { FlowOptions } from '../types.ts'

/** Members have the id of their flow in front of their own. */
const MAX_ID = 80
const WEEK_MS = 604_800_000

const rules: Rules = {
  id: {
    ok: value => isId(value) && value.length <= MAX_ID,
    expected: '1 to 80 characters of A-Z, a-z, 0-9, "_", ".", ":", "-"',
    fix: 'Leave it out for a random UUID.'
  },
  failFast: {
    ok: value => typeof value === 'boolean',
    expected: 'true or false',
    fix: 'false: only what waits for a member that failed never starts.'
  },
  finally: {
    ok: value => value?.kind === 'signature',
    expected: 'a signature',
    fix: 'For example cleanup.signature({ folder }).'
  },
  delay: enqueueRules.delay!,
  expires: enqueueRules.expires!,
  resultTtl: defineRules.resultTtl!,
  lifetime: {
    ok: value => Number.isInteger(value) && value >= 1_000 && value <= 3_153_600_000_000,
    expected: 'a whole number of ms, 1,000 to 3,153,600,000,000',
    fix: 'For example 86400000, one day.'
  },
  authorize: { ok: isId, expected: 'the name of a task of the flow', fix: 'Its authorize says who may see the flow.' }
}

const wholeRule: Rule = { ok: isObject, expected: 'an object', fix: 'For example { failFast: false }.' }

export const flowDefaults = { failFast: true, lifetime: WEEK_MS }

export type CheckedFlow = FlowOptions & typeof flowDefaults

/** Throws FST_TASKS_FLOW_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkFlow (given: FlowOptions): CheckedFlow {
  if (!isObject(given)) throw invalid('options', wholeRule, given)
  check(given, rules, 'enqueueFlow(shape, options)', invalid)
  const options = Object.fromEntries(Object.entries({ ...given }).filter(([, value]) => value !== undefined))
  return { ...flowDefaults, ...options }
}

/** `compile` says what it must be. */
const anything: Rule = { ok: () => true, expected: '', fix: '' }
const graphRules: Rules = { tasks: anything, dependsOn: anything }

/** A name that is misspelt would leave out all dependencies. Throws FST_TASKS_OPTION_UNKNOWN. */
export function checkGraph (graph: object): void {
  if (isObject(graph)) check(graph, graphRules, 'flow(graph)', invalid)
}

const invalid = (option: string, { expected, fix }: Rule, value: unknown): Error =>
  new errors.FlowOptionInvalid(option, expected, describeValue(value), fix)
