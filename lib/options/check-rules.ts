/**
 * Checks an object of options by its rules.
 */
import { describeName, tryOr } from '../describe.ts'
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
  const keys = tryOr(() => Object.keys(values), undefined)
  if (!keys) throw toError('options', UNREADABLE, values)
  for (const key of keys) {
    const rule = ownOf(rules, key)
    if (!rule) throw unknownOption(key, rules, where)
    const value = tryOr(() => values[key], HIDDEN)
    if (value === HIDDEN) throw toError(key, UNREADABLE, value)
    if (value !== undefined && !passes(rule, value)) throw toError(key, rule, value)
  }
}

const UNREADABLE: Rule = {
  ok: () => false, expected: 'a value that can be read', fix: 'A getter or a proxy throws: pass a plain object.'
}

/** In the place of a value whose getter throws. */
const HIDDEN = {
  toJSON () { throw new Error('it cannot be shown') },
  get [Symbol.toStringTag] (): string { throw new Error('it cannot be shown') }
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
