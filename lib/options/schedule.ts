/**
 * Checks a schedule. What the error says: see check.ts.
 */
import { describeValue, withCommas } from '../describe.ts'
import * as errors from '../errors.ts'
import { check, type ToError } from './check-rules.ts'
import { isId, isObject, timeOf, type Rule, type Rules } from './rule-kinds.ts'
import { enqueueRules } from './rules.ts'
import type { EnqueueOptions, ScheduleOptions } from '../types.ts'

const MAX_ID = 64
const MAX_MS = 31_536_000_000_000

const time = enqueueRules.delayUntil!
const ms = (min: number, fix: string): Rule => ({
  ok: value => Number.isInteger(value) && value >= min && value <= MAX_MS,
  expected: `a whole number of ms, ${withCommas(min)} or more`,
  fix
})

/** Not an offset, such as "+05:45": Node.js 20 does not know it, and a worker there could not fire the schedule. */
function isTimeZone (timeZone: unknown): boolean {
  if (typeof timeZone !== 'string' || /^[+-]/.test(timeZone)) return false
  return new Intl.DateTimeFormat('en', { timeZone }) !== undefined
}

const rules: Rules = {
  task: {
    ok: value => isId(typeof value === 'string' ? value : value?.name),
    expected: 'a task, or the name of one',
    fix: 'Pass what define() returned.'
  },
  data: { ok: () => true, expected: 'any JSON', fix: '' },
  cron: { ok: value => typeof value === 'string', expected: 'a cron expression', fix: 'For example "0 3 * * *".' },
  timezone: { ok: isTimeZone, expected: 'an IANA time zone', fix: 'For example "Europe/Berlin".' },
  seconds: { ok: value => typeof value === 'boolean', expected: 'true or false', fix: 'true: cron has six fields.' },
  every: ms(100, 'For example 60000.'),
  overlap: {
    ok: value => ['skip', 'queue', 'allow'].includes(value),
    expected: '"skip", "queue" or "allow"',
    fix: 'It says what happens if the last run has not ended.'
  },
  catchUpWindow: ms(0, 'For example 3600000; 0 fires nothing late.'),
  jitter: ms(0, 'For example 5000.'),
  startAt: time,
  endAt: time,
  maxRuns: {
    ok: value => Number.isSafeInteger(value) && value > 0, expected: 'a whole number of runs', fix: 'For example 10.'
  },
  options: { ok: isObject, expected: 'an object of enqueue options', fix: 'For example { retries: 3 }.' }
}

/** A schedule with all defaults. Times are ms since 1970. */
export interface CheckedSchedule {
  task: string
  data: unknown
  timing: { cron?: string, timezone?: string, seconds?: boolean, every?: number, startAt?: number, endAt?: number }
  overlap: 'skip' | 'queue' | 'allow'
  catchUpWindow: number
  jitter: number
  maxRuns: number | null
  options: EnqueueOptions
}

const ONE_HOUR_MS = 3_600_000

/**
 * Checks a schedule and fills in the defaults.
 * @throws FST_TASKS_SCHEDULE_ID_INVALID, FST_TASKS_SCHEDULE_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN,
 *   FST_TASKS_OPTION_CLASH, FST_TASKS_OPTION_MISSING
 */
export function checkSchedule (id: unknown, spec: unknown): CheckedSchedule {
  if (!isId(id) || id.length > MAX_ID) throw new errors.ScheduleIdInvalid(describeValue(id))
  if (!isObject(spec)) {
    throw new errors.ScheduleOptionInvalid(id, 'spec', 'an object', describeValue(spec), 'For example { task, every }.')
  }
  const toError = invalid(id)
  check(spec, rules, `schedule "${id}"`, toError)
  const given = { ...spec } as ScheduleOptions & { task: string | { name: string }, data?: unknown }
  if (given.task === undefined) throw toError('task', rules.task!, undefined)
  checkTiming(id, given)
  const { task, data, overlap = 'skip', catchUpWindow = ONE_HOUR_MS, jitter = 0, maxRuns = null } = given
  const options = { ...given.options } as EnqueueOptions
  for (const key of ['id', 'delayUntil'] as const) {
    if (options[key] === undefined) continue
    throw new errors.OptionClash(key, 'schedule', 'Each tick has its own id and time: leave it out')
  }
  const name = typeof task === 'string' ? task : task.name
  return { task: name, data, timing: timingOf(given), overlap, catchUpWindow, jitter, maxRuns, options }
}

const invalid = (id: string): ToError => (key, rule, value) =>
  new errors.ScheduleOptionInvalid(id, key, rule.expected, describeValue(value), rule.fix)

function checkTiming (id: string, { cron, every, timezone, seconds, startAt, endAt }: ScheduleOptions): void {
  if (cron === undefined && every === undefined) {
    throw new errors.OptionMissing('cron', 'every', `Say when schedule "${id}" fires, for example { every: 60000 }`)
  }
  if (cron !== undefined && every !== undefined) {
    throw new errors.OptionClash('cron', 'every', `Schedule "${id}" needs one of them, and not both`)
  }
  for (const [key, value] of Object.entries({ timezone, seconds })) {
    if (every === undefined || value === undefined) continue
    throw new errors.OptionClash(key, 'every', 'It belongs to cron: an interval has no time zone. Leave it out')
  }
  if (startAt !== undefined && endAt !== undefined && timeOf(startAt) > timeOf(endAt)) {
    throw new errors.OptionClash('startAt', 'endAt', 'The end comes before the start: exchange them')
  }
}

function timingOf (
  { cron, every, timezone, seconds, startAt, endAt }: ScheduleOptions
): CheckedSchedule['timing'] {
  return {
    ...(cron === undefined ? { every: every! } : { cron }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(seconds ? { seconds } : {}),
    ...(startAt === undefined ? {} : { startAt: timeOf(startAt) }),
    ...(endAt === undefined ? {} : { endAt: timeOf(endAt) })
  }
}
