/**
 * What the options must be that say when tasks start, beside others.
 */
import { isFullArray } from '../own.ts'
import { isObject, object, type Rule, type Rules } from './rule-kinds.ts'

const priority: Rule = {
  ok: value => ['high', 'normal', 'low'].includes(value),
  expected: '"high", "normal" or "low"',
  fix: 'For example "high".'
}

/** Of `enqueue`. */
export const perEnqueue: Rules = { priority }

/** Of `define`. */
export const perDefinition: Rules = {
  priority,
  limit: object('For example { max: 2, key: data => data.tenant }.'),
  unique: object('For example { key: data => data.id }.'),
  debounce: object('For example { key: data => data.id, wait: 5000 }.'),
  rate: {
    ok: value => isObject(value) || (isFullArray(value) && value.length > 0 && value.length <= 5),
    expected: 'an object, or an array of 1 to 5 objects',
    fix: 'For example { max: 10, timeWindow: 1000 }.'
  }
}
