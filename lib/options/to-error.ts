/**
 * The errors of options that break their rule, by where the option stands.
 */
import { describeKind, describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { describePlace } from './redis-url.ts'
import type { ToError } from './check-rules.ts'

/** Of the plugin, or of a call. */
export const pluginOptionError = (path: string): ToError => (option, rule, value) => {
  const isPlace = PLACES.has(path + option)
  const came = isPlace ? describePlace(value, describeKind) : describeValue(value)
  return new errors.PluginOptionInvalid(path + option, rule.expected, came, rule.fix)
}

/** Options that may have a password in them. */
const PLACES = new Set(['redis', 'redis.host', 'redis.url', 'redis.socket', 'REDIS_URL'])

/** Of a task. */
export const taskOptionError = (task: string): ToError => (option, rule, value) => {
  if (option === 'id') return new errors.TaskIdInvalid(describeValue(value))
  return new errors.TaskOptionInvalid(task, option, rule.expected, describeValue(value), rule.fix)
}

export const below = (parent: string, toError: ToError): ToError => (option, rule, value) =>
  toError(`${parent}.${option}`, rule, value)
