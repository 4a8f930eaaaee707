/**
 * Checks the options of `logs`.
 */
import { checkOptions } from './check.ts'
import { integer, object } from './rule-kinds.ts'
import { whereRules } from './rules.ts'
import type { LogsOptions } from '../types.ts'

const rules = { ...whereRules, after: integer(0, Number.MAX_SAFE_INTEGER, '', 'Pass the next of the call before.') }
const rule = object('For example logs(id, { after: next }).')

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkLogs (options: LogsOptions): void { checkOptions(options, rules, rule, 'logs') }
