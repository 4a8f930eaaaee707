/**
 * Checks an object of options by its rules.
 */
import { describeName } from '../describe.ts'
import * as errors from '../errors.ts'
import { nearest } from './nearest.ts'
import { ownOf } from '../own.ts'
import type { Rule, Rules } from './rule-kinds.ts'

/** Makes the error for an option of one place that breaks its rule. */
export type ToError = (option: string, rule: Rule, value: unknown) => Error

/**
 * An option that is undefined is not set.
 * @param where the call or the object, for the error
 * @throws FST_TASKS_OPTION_UNKNOWN, and what `toError` makes
 */
export function check (values: Record<string, any>, rules: Rules, where: string, toError: ToError): void {
  for (const key of Object.keys(values)) {
    const rule = ownOf(rules, key)
    if (!rule) throw unknownOption(key, rules, where)
    if (values[key] !== undefined && !passes(rule, values[key])) throw toError(key, rule, values[key])
  }
}

function unknownOption (key: string, rules: Rules, where: string): Error {
  const known = Object.keys(rules)
  return new errors.OptionUnknown(describeName(key), where, nearest(key, known), known.join(', '))
}

/** A value whose getters throw breaks the rule. */
export function passes (rule: Rule, value: unknown): boolean {
  try {
    return rule.ok(value)
  } catch {
    return false
  }
}
