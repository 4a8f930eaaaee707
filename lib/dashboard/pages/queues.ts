import { html, type Html, type Value } from '../html.ts'
import { notFound } from './problem.ts'
import { actionButton, badge, duration, empty, number, state, table, text } from '../parts.ts'
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
${pausedTasks.map(name => html`${text(name)} `)}</p>`
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
${pauses(found)}${cards(context, found)}${actions(context, found)}<h2>Workers</h2>
${workers.length === 0 ? empty('No worker.') : table('Workers', WORKER_TITLES, workers.map(workerRow))}`
  }
}
