/**
 * Checks the options of the page. What the error says: see check.ts.
 */
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { check } from './check-rules.ts'
import { areAll, isFunction, isHook, name, type Rule, type Rules } from './rule-kinds.ts'
import type { DashboardOptions } from '../types.ts'

const OPEN = ['anyone-may-read', 'anyone-may-operate']
/** Of Fastify's register. */
const FASTIFYS = ['prefix', 'logLevel', 'logSerializers']

const isTraceUrl = (value: string): boolean =>
  value.includes('{traceId}') && /^https?:$/.test(new URL(value.replace('{traceId}', 'x')).protocol)
const isOrigin = (value: unknown): boolean => new URL(value as string).origin === value

const aFunction = (fix: string): Rule => ({ ok: isFunction, expected: 'a function', fix })

const rules: Rules = {
  access: {
    ok: value => isFunction(value) || OPEN.includes(value),
    expected: `a function, "${OPEN.join('" or "')}"`,
    fix: 'For example access: request => request.user?.isAdmin ? "operate" : false.'
  },
  instance: name('It is the "name" option of a registration of fastify-tasks: leave it out for "tasks".'),
  onRequest: { ok: isHook, expected: 'a hook, or an array of hooks', fix: 'For example [fastify.basicAuth].' },
  redact: aFunction('For example task => ({ ...task.data, password: "…" }).'),
  user: aFunction('For example request => request.user?.name.'),
  traceUrl: {
    ok: value => typeof value === 'string' && isTraceUrl(value),
    expected: 'an http URL with {traceId} in it',
    fix: 'For example "https://traces.example/trace/{traceId}".'
  },
  title: {
    ok: value => typeof value === 'string' && value.length > 0 && value.length <= 100,
    expected: 'a string of 1 to 100 characters',
    fix: 'For example "Tasks of the shop".'
  },
  trustedOrigins: {
    ok: value => areAll(value, isOrigin),
    expected: 'an array of origins',
    fix: 'For example ["https://admin.example"].'
  }
}

export const dashboardDefaults = { instance: 'tasks', title: 'Tasks', trustedOrigins: [] as string[] }

export type DashboardSettings = DashboardOptions & typeof dashboardDefaults

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function dashboardSettings (given: DashboardOptions): DashboardSettings {
  const entries = Object.entries({ ...given }).filter(([key]) => !FASTIFYS.includes(key))
  check(Object.fromEntries(entries), rules, 'the dashboard', invalid)
  const options = Object.fromEntries(entries.filter(([, value]) => value !== undefined))
  if (options.access === undefined) throw invalid('access', rules.access!, undefined)
  return { ...dashboardDefaults, ...options } as DashboardSettings
}

const invalid = (option: string, { expected, fix }: Rule, value: unknown): Error =>
  new errors.PluginOptionInvalid(`dashboard: ${option}`, expected, describeValue(value), fix)
