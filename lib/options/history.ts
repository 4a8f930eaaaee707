/**
 * Checks the options of `history`, and fills in the defaults.
 */
import { checkOptions } from './check.ts'
import { historyRule, historyRules } from './rules.ts'
import { timeOf } from './rule-kinds.ts'
import type { HistoryOptions } from '../types.ts'

const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000]
/** How long minutes are kept. */
const MINUTES_MS = 8 * HOUR_MS

interface CheckedHistory { queue: string | undefined, name: string | undefined, from: number, to: number, step: number }

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkHistory (given: HistoryOptions, now: number): CheckedHistory {
  checkOptions(given, historyRules, historyRule, 'history')
  const to = given.to === undefined ? now + 1 : timeOf(given.to)
  const from = given.from === undefined ? to - HOUR_MS : timeOf(given.from)
  const step = given.step ?? (now - from <= MINUTES_MS ? MINUTE_MS : HOUR_MS)
  return { queue: given.queue, name: given.name, from, to, step }
}
