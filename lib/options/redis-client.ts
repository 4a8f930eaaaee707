/**
 * Refuses a client of Redis, or options for one, with which the plugin would not work.
 */
import * as errors from '../errors.ts'
import { isObject, type Rule } from './rule-kinds.ts'
import { pluginOptionError } from './to-error.ts'

const fix = 'Give the plugin a connection of its own: register(tasks, { redis: "redis://host:6379" }).'

function isLeftOut (value: unknown): boolean { return value === undefined }

/** The plugin reads replies as ioredis gives them by default: numbers as numbers, and a score as a text in a list. */
const replyForms = {
  stringNumbers: { ok: value => !value, expected: 'left out', fix },
  replyMapping: { ok: value => value !== 'resp3', expected: '"legacy", or left out', fix }
} satisfies Record<string, Rule>

/** Where other libraries are told where Redis is. ioredis ignores these options, and connects to localhost. */
const foreignPlaces = {
  url: { ok: isLeftOut, expected: 'left out', fix: 'Give the URL itself: redis: "redis://host:6379", or { host, port }.' },
  socket: { ok: isLeftOut, expected: 'left out', fix: 'Its options are of ioredis: redis: { host, port }.' }
} satisfies Record<string, Rule>

/** Throws FST_TASKS_OPTION_CLASH, FST_TASKS_PLUGIN_OPTION_INVALID. */
export function refuseClientOptions (redis: unknown): void {
  if (!isObject(redis)) return
  const given = redis as Record<string, any>
  if (typeof given.evalsha !== 'function') refuseBrokenRules(foreignPlaces, given)
  refuseKeyPrefix(given.keyPrefix ?? given.options?.keyPrefix)
  for (const options of [given, given.redisOptions, given.options, given.options?.redisOptions]) {
    if (isObject(options)) refuseBrokenRules(replyForms, options as Record<string, unknown>)
  }
}

/** ioredis' keyPrefix renames the keys but not the channels: a delayed task would never wake a worker. */
function refuseKeyPrefix (keyPrefix: unknown): void {
  if (!keyPrefix) return
  const fix = 'Remove keyPrefix from the client, and use the plugin\'s own option: register(tasks, { prefix: "myapp" })'
  throw new errors.OptionClash('redis.keyPrefix', 'prefix', fix)
}

function refuseBrokenRules (rules: Record<string, Rule>, options: Record<string, unknown>): void {
  for (const [option, rule] of Object.entries(rules)) {
    if (!rule.ok(options[option])) throw pluginOptionError('redis.')(option, rule, options[option])
  }
}
