/**
 * What the forms of the page do. Each asks for its right first, and is logged.
 */
import { invalid, refused } from './pages/problem.ts'
import { confirm } from './pages/confirm.ts'
import { number } from './parts.ts'
import { FILTER_FIELDS, filterOf, stateOf, unknownField, type ListFilter } from './task-filter.ts'
import { fromField, TASK_ACTIONS, type TaskAction } from './task-actions.ts'
import { isId } from '../options/rule-kinds.ts'
import { toLoggable } from '../records/failure.ts'
import { ownOf } from '../own.ts'
import type { DashboardRight } from '../types.ts'
import type { Page, PageContext, Query } from './context.ts'

/** The fields of a form. A name may be there several times. */
export type Fields = Record<string, string[]>

/** `more`: it stopped before it had done all, and goes on from this cursor. */
interface Outcome { did: string, ok: number, no: number, more?: string | null }

interface Action {
  right: DashboardRight
  /** What is asked first, unless the form says that it was asked. */
  question?: string | ((context: PageContext, fields: Fields) => Promise<string>)
  /** The field that is not understood: then nothing is done. */
  unknown? (context: PageContext, fields: Fields): string | null
  run (context: PageContext, fields: Fields): Promise<Outcome>
}

const MAX_TASKS = 1_000

const first = (fields: Fields, name: string): string => fields[name]?.[0] ?? ''

/** An action on the chosen tasks. */
const onTasks = ({ name, right, question, done }: TaskAction): Action => ({
  right,
  ...(question && { question }),
  async run ({ instance }, fields) {
    const chosen = (fields.task ?? []).slice(0, MAX_TASKS).map(fromField)
    const queues = instance.knownQueues()
    const known = chosen.filter(({ queue }) => queues.includes(queue))
    const replies = await Promise.all(known.map(({ id, queue }) => instance.tasks[name](id, { queue })))
    const ok = replies.filter(reply => done.includes(reply)).length
    return { did: name, ok, no: chosen.length - ok }
  }
})

/** How long one request may go on, in ms, and for how many tasks. */
const MANY_MS = 10_000
const MANY_TASKS = 50_000
/** The count is only for the question. */
const COUNT_MS = 1_000
const MAX_COUNT = 10_000

type FilterArguments = { state: any } & ListFilter

const queryIn = (fields: Fields): Query => Object.fromEntries(FILTER_FIELDS.map(name => [name, first(fields, name)]))

function filterIn ({ instance }: PageContext, fields: Fields): FilterArguments {
  const query = queryIn(fields)
  return { state: stateOf(query) ?? 'failed', ...filterOf(query, instance.knownQueues()) }
}

async function countWords ({ instance: { tasks } }: PageContext, filter: FilterArguments): Promise<string> {
  try {
    const found = await tasks.count(filter, { limit: MAX_COUNT, signal: AbortSignal.timeout(COUNT_MS) })
    if (found < MAX_COUNT) return found === 1 ? '1 task' : `${number(found)} tasks`
    return `${number(MAX_COUNT)} tasks or more`
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') throw error
    return 'all tasks that match, too many to count'
  }
}

type ManyCall = 'retryMany' | 'cancelMany' | 'removeMany'

/** An action on all tasks that match the filter of a list. */
const onMatching = ({ name, right, label, states }: TaskAction, call: ManyCall): Action => ({
  right,
  unknown: ({ instance }, fields) => unknownField(queryIn(fields), instance.knownQueues()),
  async question (context, fields) {
    const filter = filterIn(context, fields)
    return `${label} ${await countWords(context, filter)} (${filter.state})?`
  },
  async run (context, fields) {
    const filter = filterIn(context, fields)
    if (!states.includes(filter.state)) return { did: name, ok: 0, no: 0 }
    const given = first(fields, 'cursor')
    const options = { limit: MANY_TASKS, signal: AbortSignal.timeout(MANY_MS), ...(given && { cursor: given }) }
    const { matched, changed, cursor } = await context.instance.tasks[call](filter, options)
    return { did: name, ok: changed, no: matched - changed, more: cursor }
  }
})

const matching = Object.fromEntries(TASK_ACTIONS.flatMap(action =>
  action.name === 'promote' ? [] : [[action.name, onMatching(action, `${action.name}Many`)]]))

/** The calls would refuse it as a mistake of the app's code. */
const unknownQueue = ({ instance }: PageContext, fields: Fields): string | null =>
  instance.knownQueues().includes(first(fields, 'queue')) ? null : 'queue'

const purge: Action = {
  right: 'purge',
  unknown: unknownQueue,
  question: 'Remove the waiting and delayed tasks of this queue? They never run.',
  async run ({ instance: { tasks } }, fields) {
    return { did: 'purge', ok: await tasks.purge(first(fields, 'queue')), no: 0 }
  }
}

const onQueue = (did: 'pause' | 'resume'): Action => ({
  right: 'pause',
  unknown: unknownQueue,
  async run ({ instance: { tasks } }, fields) {
    const isChanged = await tasks[did]({ queue: first(fields, 'queue') })
    return { did, ok: Number(isChanged), no: Number(!isChanged) }
  }
})

/**
 * One name in one queue. Without a name it would be all of the queue. Names that are not defined here can only go on.
 */
const onName = (did: 'pause' | 'resume'): Action => ({
  right: 'pause',
  unknown (context, fields) {
    const name = first(fields, 'name')
    const isKnown = did === 'resume' ? isId(name) : context.instance.definitions.has(name)
    return isKnown ? unknownQueue(context, fields) : 'name'
  },
  async run ({ instance: { tasks } }, fields) {
    const isChanged = await tasks[did]({ queue: first(fields, 'queue'), name: first(fields, 'name') })
    return { did, ok: Number(isChanged), no: Number(!isChanged) }
  }
})

type ScheduleCall = 'pause' | 'resume' | 'trigger' | 'remove'

const onSchedule = (did: ScheduleCall, right: DashboardRight, question?: string): Action => ({
  right,
  ...(question && { question }),
  async run ({ instance: { tasks: { schedules } } }, fields) {
    const reply = await schedules[did](first(fields, 'id'))
    return { did, ...(reply === false ? { ok: 0, no: 1 } : { ok: 1, no: 0 }) }
  }
})

const ACTIONS: Record<string, Record<string, Action>> = {
  tasks: Object.fromEntries(TASK_ACTIONS.map(action => [action.name, onTasks(action)])),
  matching,
  purge: { '': purge },
  queue: { pause: onQueue('pause'), resume: onQueue('resume') },
  name: { pause: onName('pause'), resume: onName('resume') },
  schedule: {
    pause: onSchedule('pause', 'pause'),
    resume: onSchedule('resume', 'pause'),
    trigger: onSchedule('trigger', 'trigger'),
    remove: onSchedule('remove', 'remove', 'Remove this schedule? It fires no more.')
  }
}

const PLACE = /^([a-z]+(\/[\w.:~%-]+)?)?(\?[\w.:~%=&+*-]*)?$/

/** Within the page: a form from elsewhere could name another site. */
const placeToGo = (fields: Fields): string => {
  const back = first(fields, 'back')
  return PLACE.test(back) && !back.includes('..') ? back : ''
}

/** @throws FST_TASKS_REDIS_UNAVAILABLE, and what the call throws */
export async function act (context: PageContext, fields: Fields): Promise<Page | null> {
  const action = ownOf(ownOf(ACTIONS, context.params.action!) ?? {}, first(fields, 'do'))
  if (!action) return refused('There is no such action.')
  if (!context.rights[action.right]) return refused(`You may look, but not ${action.right}.`)
  const unknown = action.unknown?.(context, fields)
  if (unknown) return invalid(`The form's "${unknown}" is not known here. Load the list again, and choose once more.`)
  if (action.question && first(fields, 'sure') !== 'yes') {
    const { question } = action
    return confirm(context, typeof question === 'string' ? question : await question(context, fields), fields)
  }
  const { did, ok, no, more } = await logged(context, fields, () => action.run(context, fields))
  const back = placeToGo(fields)
  const rest: Record<string, string> = more ? { more, of: first(fields, 'state') } : {}
  const query = new URLSearchParams({ did, ok: String(ok), no: String(no), ...rest })
  void context.reply.redirect(`${context.root}${back}${back.includes('?') ? '&' : '?'}${query}`, 303)
  return null
}

/** The user is asked first: an action that nobody can be named for is not done. One that broke off is logged too. */
async function logged ({ request, settings, sampler }: PageContext, given: Fields, run: () => Promise<Outcome>):
Promise<Outcome> {
  const user = await settings.user?.(request)
  const which = { user, ...chosen(given) }
  try {
    const outcome = await run()
    const { did, ok, no } = outcome
    request.log.info({ event: 'dashboard.acted', did, ok, no, ...which }, 'action on the dashboard')
    return outcome
  } catch (error) {
    const fields = { event: 'dashboard.broken_off', did: first(given, 'do'), err: toLoggable(error), ...which }
    request.log.warn(fields, 'action on the dashboard broke off: it may be done in part')
    throw error
  } finally {
    sampler.forget()
  }
}

const chosen = ({ task: tasks, queue, id, state, name, tag, from, to }: Fields): object => ({
  tasks: tasks?.slice(0, MAX_TASKS),
  queue: queue?.[0],
  schedule: id?.[0],
  state: state?.[0],
  name: name?.[0],
  tag: tag?.[0],
  from: from?.[0],
  to: to?.[0]
})
