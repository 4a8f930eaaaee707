/**
 * Checks the options `unique` and `debounce` of a definition.
 */
import * as errors from '../errors.ts'
import { check, type ToError } from './check-rules.ts'
import { integer, isFunction, MAX_SPAN, type Rule, type Rules } from './rule-kinds.ts'
import { below } from './to-error.ts'
import type { DefineOptions } from '../types.ts'

const key: Rule = { ok: isFunction, expected: 'a function', fix: 'For example data => data.id.' }

const span = integer(1, MAX_SPAN, 'of ms', 'For example 5000.')

const uniqueRules: Rules = {
  key,
  scope: {
    ok: value => value === 'waiting' || value === 'unfinished' || span.ok(value),
    expected: '"waiting", "unfinished" or a whole number of ms from 1 on',
    fix: 'For example 60000: one task a minute.'
  },
  onConflict: {
    ok: value => ['keep', 'replace', 'rerun'].includes(value),
    expected: '"keep", "replace" or "rerun"',
    fix: 'For example "rerun": the newest data is not lost.'
  }
}

const debounceRules: Rules = { key, wait: span, maxWait: span }

/**
 * @param resultTtl how long the record of the task is kept
 * @throws FST_TASKS_TASK_OPTION_INVALID, FST_TASKS_OPTION_*
 */
export function checkUnique ({ unique, debounce }: DefineOptions, resultTtl: number, toError: ToError): void {
  if (unique && debounce) {
    throw new errors.OptionClash('unique', 'debounce', 'A debounced task is enqueued once anyway: leave out unique')
  }
  if (unique) {
    check(unique as object, uniqueRules, 'unique', below('unique', toError))
    const { scope, onConflict } = unique
    if (onConflict === 'rerun' && scope !== undefined && scope !== 'unfinished') {
      throw new errors.OptionClash('unique.scope', 'unique.onConflict',
        'A rerun follows a task that has not ended: leave out scope')
    }
    if (typeof scope === 'number' && scope > resultTtl) {
      throw new errors.OptionClash('unique.scope', 'resultTtl',
        'The key counts no longer than the record is kept: raise resultTtl')
    }
  }
  if (!debounce) return
  check(debounce as object, debounceRules, 'debounce', below('debounce', toError))
  if (debounce.wait === undefined) throw toError('debounce.wait', span, undefined)
  if (debounce.maxWait !== undefined && debounce.maxWait < debounce.wait) {
    throw new errors.OptionClash('debounce.maxWait', 'debounce.wait', 'maxWait is the longest wait of all: raise it')
  }
}
