import { html, type Html, type Value } from '../html.ts'
import { notFound } from './problem.ts'
import {
  actionButton, badge, duration, empty, hidden, number, placeOf, state, table, taskPath, text
} from '../parts.ts'
import { byTrouble, hasNoWorker, QUEUE_TITLES, queueRow, STATES } from './overview.ts'
import { workerRow, WORKER_TITLES } from './workers.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { QueueNumbers } from '../sampler.ts'

export const queues: MakePage = async context => {
  const { queues } = await context.sampler.sample()
  return {
    title: 'Queues',
    section: 'Queues',
    body: table('Queues', QUEUE_TITLES, byTrouble(queues).map(queue => queueRow(context, queue)))
  }
}

function actions (context: PageContext, { name, counts }: QueueNumbers): Value {
  const removable = counts.waiting + counts.delayed
  const pause = context.rights.pause && actionButton({
    context,
    action: 'queue',
    label: counts.paused ? 'Resume' : 'Pause',
    fields: { do: counts.paused ? 'resume' : 'pause', queue: name }
  })
  const purge = context.rights.purge && removable > 0 && actionButton({
    context,
    action: 'purge',
    label: 'Remove what waits',
    fields: { queue: name },
    question: `Remove the ${number(removable)} waiting and delayed tasks of the queue "${name}"? They never run.`,
    kind: 'danger'
  })
  return (pause || purge) && html`<div class="actions">${pause}${purge}</div>`
}

function pauses ({ counts: { paused, pausedTasks } }: QueueNumbers): Value {
  if (paused) return html`<p>${badge('paused', 'warn')} No task of the queue starts.</p>`
  return pausedTasks.length > 0 && html`<p>${badge('paused', 'warn')} These tasks do not start:
${pausedTasks.map((name, i) => html`${i > 0 && ', '}${text(name)}`)}.</p>`
}

/** For one name, whether the queue is paused or not. Names that other processes define can only go on. */
function pauseOfNames (context: PageContext, { name: queue, counts: { pausedTasks } }: QueueNumbers): Value {
  if (!context.rights.pause) return null
  const resume = pausedTasks.map(name =>
    actionButton({ context, action: 'name', label: `Resume ${name}`, fields: { do: 'resume', queue, name } }))
  const names = [...context.instance.definitions.values()]
    .filter(definition => definition.queue === queue && !pausedTasks.includes(definition.name)).map(({ name }) => name)
  const pause = names.length > 0 && html`<form method="post" action="${context.root}actions/name" class="inline">
${hidden({ do: 'pause', queue, back: placeOf(context) })}<label>Pause one name <select name="name">
${names.toSorted().map(name => html`<option>${name}</option>`)}</select></label> <button>Pause it</button></form>`
  return (resume.length > 0 || pause) && html`<div class="actions">${resume}${pause}</div>`
}

const MAX_KEYS = 50
const KEY_TITLES = ['Task', 'Key', 'Waiting', 'Started', 'Why', 'Held by']

/** The keys of limits and rates whose tasks wait, the most first. */
async function keysOf (context: PageContext, queue: string): Promise<Value> {
  const keys = await context.instance.listKeys(MAX_KEYS, queue)
  return keys.length > 0 && html`<h2>Keys that wait</h2>
${table('Keys that wait', KEY_TITLES, keys.map(({ task, key, waiting, started, why, heldBy }) => [
    text(task, 60), text(key, 100), number(waiting), number(started), text(why),
    heldBy && html`<a href="${taskPath(context, heldBy, queue)}">${text(heldBy, 40)}</a>`
  ]))}`
}

const cards = ({ root }: PageContext, { name, counts, oldestSeconds }: QueueNumbers): Html => html`<ul class="cards">
${STATES.map(one => html`<li>
<a href="${root}tasks?state=${one}&amp;queue=${encodeURIComponent(name)}">${state(one)}
<b>${number(counts[one])}</b></a></li>`)}</ul>
${oldestSeconds > 0 && html`<p>A task has waited for ${duration(oldestSeconds * 1_000)}.</p>`}`

export const queue: MakePage = async context => {
  const { queues } = await context.sampler.sample()
  const found = queues.find(({ name }) => name === context.params.queue)
  if (!found) return notFound('There is no such queue.')
  const { workers } = found
  return {
    title: `Queue ${found.name}`,
    section: 'Queues',
    body: html`${hasNoWorker(found) && html`<p>${badge('no worker', 'bad')} Nothing works on ${text(found.name)}.</p>`}
${pauses(found)}${cards(context, found)}${actions(context, found)}${pauseOfNames(context, found)}
${await keysOf(context, found.name)}<h2>Workers</h2>
${workers.length === 0 ? empty('No worker.') : table('Workers', WORKER_TITLES, workers.map(workerRow))}`
  }
}
