/**
 * Checks the options of `otel`. What the error says: see check.ts.
 */
import { checkOptions } from './check.ts'
import { object, type Rules } from './rule-kinds.ts'

const rules: Rules = {
  relation: {
    ok: value => ['auto', 'child', 'link'].includes(value),
    expected: '"auto", "child" or "link"',
    fix: 'For example "link".'
  }
}

const wholeRule = object('For example { relation: "link" }.')

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkOtel (options: object): void { checkOptions(options, rules, wholeRule, 'otel') }
