/**
 * Checks the options of `runWorker`.
 */
import { check } from './check-rules.ts'
import { integer, isFunction, isObject, MAX_PORT, object, type Rules } from './rule-kinds.ts'
import { workerRules } from './rules.ts'
import { pluginOptionError } from './to-error.ts'

const rules: Rules = {
  ...workerRules,
  app: {
    ok: value => isFunction(value) || (typeof value === 'string' && value !== ''),
    expected: 'the path of an app plugin, or the plugin',
    fix: 'For example "./app.js".'
  },
  appOptions: object('For example { tenant: "a" }.'),
  serverOptions: object('For example { logger: true }.'),
  logLevel: {
    ok: value => typeof value === 'string' && value !== '', expected: 'a level of the log', fix: 'For example "info".'
  },
  logStream: {
    ok: value => isObject(value) && typeof value.write === 'function',
    expected: 'a stream to write to',
    fix: 'For example process.stderr.'
  },
  monitorPort: integer(0, MAX_PORT, 'from the ports', 'For example 9464; 0 is any free port.'),
  monitorHost: {
    ok: value => typeof value === 'string' && value !== '', expected: 'an address', fix: 'For example "127.0.0.1".'
  },
  onBoot: { ok: isFunction, expected: 'a function', fix: 'For example ({ queues }) => console.log(queues).' }
}

const rule = object('For example { app: "./app.js" }.')

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function checkRunWorker (options: object): void {
  if (!isObject(options)) throw pluginOptionError('')('runWorker', rule, options)
  const toError = pluginOptionError('worker.')
  check(options, rules, 'runWorker(options)', toError)
  if (options.app === undefined) throw toError('app', rules.app!, undefined)
}
