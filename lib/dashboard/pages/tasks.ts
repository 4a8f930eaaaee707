import { STATES } from '../../records/states.ts'
import { isTag } from '../../records/tags.ts'
import { html, type Html, type Value } from '../html.ts'
import {
  empty, hidden, number, placeOf, progressBar, queryWith, ranFor, state, table, taskPath, text, time
} from '../parts.ts'
import { matcher, search, type Matcher, type SearchPage, type SearchState } from '../search.ts'
import { TASK_ACTIONS, toField } from '../task-actions.ts'
import { filterOf, inTime, unknownField, type ListFilter } from '../task-filter.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { BriefRecord } from '../../boot/app-registry.ts'
import type { TaskState } from '../../types.ts'

/** What is shown if nobody chooses. */
const FIRST: TaskState = 'active'
const TITLES = ['Task', 'Name', 'Queue', 'State', 'Progress', 'Attempt', 'Enqueued', 'Ran for', 'Error']

/** Most are normal: the column is there only if one is not. */
const isOfLevel = ({ priority }: BriefRecord): boolean => priority !== 'normal'

/** The next page: cursors only go on. */
export function pager ({ query }: PageContext, next: string | null): Value {
  if (!next && !query.cursor) return null
  return html`<nav class="pager" aria-label="Pages of the list">
${query.cursor && html`<a href="${queryWith(query, {})}">First page</a>`}
${next && html`<a rel="next" href="${queryWith(query, { cursor: next })}">Next page</a>`}</nav>`
}

const option = (value: string, chosen: string | undefined, label = value): Html =>
  html`<option value="${value}"${value === (chosen ?? '') && html` selected`}>${label}</option>`

function filters ({ query }: PageContext, states: readonly SearchState[], queues: string[]): Html {
  const any = Boolean(query.q || query.tag)
  const unknown = unknownField(query, queues)
  const shown = states.length > 1 ? '' : states[0]
  return html`<form class="filters" action="tasks">${query.q && hidden({ q: query.q })}
<label>State <select name="state">${any && option('', shown, 'all')}${STATES.map(name => option(name, shown))}
</select></label> <label>Queue <select name="queue">${option('', query.queue, 'all')}
${queues.map(name => option(name, query.queue))}</select></label>
<label>Name <input name="name" value="${query.name}" maxlength="100" spellcheck="false"></label>
<label>Tag <input name="tag" value="${query.tag}" maxlength="64" spellcheck="false"></label>
<label>From (UTC) <input name="from" type="datetime-local" value="${query.from}"></label>
<label>To <input name="to" type="datetime-local" value="${query.to}"></label><button>Show</button>
${unknown && html`<p class="hint">The ${unknown} is not understood, and left out.</p>`}
${query.q && html`<p>For “${text(query.q)}”. <a href="tasks">Show all</a></p>`}</form>`
}

function row (context: PageContext, task: BriefRecord): Value[] {
  const { id, name, queue, state: at, stage, progress, attempt, attempts, enqueuedAt, error } = task
  return [
    html`<label class="check"><input type="checkbox" name="task" value="${toField(task)}">
<span class="unseen">Choose ${id}</span></label>
<a href="${taskPath(context, id, queue)}">${text(id, 40)}</a>`,
    text(name, 60), text(queue), html`${state(at)} ${stage && html`<small>${text(stage, 60)}</small>`}`,
    progressBar(progress), `${attempt} of ${attempts}`, time(enqueuedAt), ranFor(task),
    error && text(error.message.split('\n')[0]!, 120)
  ]
}

function buttons ({ rights }: PageContext, found: BriefRecord[]): Value {
  const offered = TASK_ACTIONS.filter(({ right, states }) =>
    rights[right] && found.some(({ state }) => states.includes(state)))
  if (offered.length === 0) return null
  return html`<p class="actions"><label class="check"><input type="checkbox" data-all> all on this page</label>
${offered.map(({ name, label, question }) => html`<button name="do" value="${name}"${question &&
    html` class="danger" data-question="${question}"`}>${label}</button>`)}</p>`
}

/** For all that match the form above, shown or not: each leads to a question with their number. */
function forAll (context: PageContext, states: readonly SearchState[]): Value {
  const { rights, query, root } = context
  const [state] = states
  const offered = TASK_ACTIONS.filter(({ name, right, states }) =>
    name !== 'promote' && rights[right] && states.some(one => one === state))
  if (query.q || offered.length === 0) return null
  const { queue = '', name = '', tag = '', from = '', to = '' } = query
  const fields = { state: state!, queue, name, tag, from, to, back: placeOf(context) }
  return html`<form method="post" action="${root}actions/matching" class="actions">${hidden(fields)}
<span>All that match:</span>${offered.map(({ name, label }) =>
    html`<button name="do" value="${name}" class="danger">${label} all</button>`)}</form>`
}

function list (context: PageContext, { tasks, lookedAt, cursor }: SearchPage): Html {
  const { q, from, to } = context.query
  const isPart = cursor && (q || from || to)
  const said = isPart && html`<p class="hint">Looked at ${number(lookedAt)} tasks; there are more.</p>`
  if (tasks.length === 0) return html`${empty(cursor ? 'None among those.' : 'There are none.')}${said}`
  const levels = tasks.some(isOfLevel)
  const titles = levels ? [...TITLES, 'Priority'] : TITLES
  const rows = tasks.map(task => [...row(context, task), ...levels ? [isOfLevel(task) && task.priority] : []])
  return html`<form method="post" action="${context.root}actions/tasks">${hidden({ back: placeOf(context) })}
${buttons(context, tasks)}${table('Tasks', titles, rows)}</form>${said}`
}

/** Those with exactly this id: one, or one in each of several queues. */
async function tasksWithId (
  { instance: { tasks } }: PageContext, queues: string[], id: string
): Promise<BriefRecord[]> {
  const read = await Promise.all(queues.map(queue => tasks.status(id, { queue })))
  return read.filter(record => record !== null)
}

/** What was looked for is the id of one task, or a tag. */
async function placeOfOnly (
  context: PageContext, exact: BriefRecord[], { words, queues }: { words: string, queues: string[] }
): Promise<string | null> {
  if (exact.length > 0) return exact.length === 1 ? taskPath(context, exact[0]!.id, exact[0]!.queue) : null
  if (!isTag(words)) return null
  for (const queue of queues) {
    const { tasks } = await search(context.instance, { states: [''], tag: words, queue, filter: null })
    if (tasks.length > 0) return `tasks${queryWith({}, { tag: words })}`
  }
  return null
}

function allOf (given: Array<Matcher | null>): Matcher | null {
  const all = given.filter(filter => filter !== null)
  if (all.length === 0) return null
  return {
    mayMatch: (text, id) => all.every(filter => filter.mayMatch(text, id)),
    matches: record => all.every(filter => filter.matches(record)),
    isLikely: name => all.every(filter => filter.isLikely(name))
  }
}

/** @param tag of the filter, which leaves a text out that is no tag */
const chosenStates = ({ state, q }: Record<string, string>, { tag }: ListFilter): readonly SearchState[] => {
  const known = STATES.filter(one => one === state)
  return known.length > 0 ? known : tag ? [''] : q ? STATES : [FIRST]
}

export const tasks: MakePage = async context => {
  const { query, instance, reply } = context
  const queues = instance.knownQueues()
  const q = query.q?.trim()
  const { withId = [], withTag = [] } = q && !query.cursor ? await instance.lookFor(q) : {}
  const exact = q ? await tasksWithId(context, withId, q) : []
  const place = q ? await placeOfOnly(context, exact, { words: q, queues: withTag }) : null
  if (place) {
    void reply.redirect(place, 303)
    return null
  }
  const filter = filterOf(query, queues)
  const states = chosenStates(query, filter)
  const shown = allOf([q ? matcher(q) : null, inTime(filter)])
  const found = exact.length > 0
    ? { tasks: exact, lookedAt: exact.length, cursor: null }
    : await search(instance, { states, ...filter, filter: shown, cursor: query.cursor })
  return {
    title: 'Tasks',
    section: 'Tasks',
    body: html`${filters(context, states, queues)}${list(context, found)}${pager(context, found.cursor)}
${found.tasks.length > 0 && forAll(context, states)}`
  }
}
