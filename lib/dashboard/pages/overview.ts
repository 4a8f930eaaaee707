import { historyChart } from '../history-chart.ts'
import { html, type Html, type Value } from '../html.ts'
import { badge, duration, empty, number, sparkline, state, table, text } from '../parts.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { QueueNumbers, Sample } from '../sampler.ts'
import type { TaskState } from '../../types.ts'

export const STATES = ['waiting', 'delayed', 'active', 'succeeded', 'failed', 'cancelled', 'expired'] as const

/** So many queues are on the first page. The page of queues has all. */
const MAX_QUEUES = 10

/** Tasks wait, and no worker serves the queue. */
export const hasNoWorker = ({ counts, workers }: QueueNumbers): boolean =>
  counts.waiting + counts.active > 0 && workers.every(({ draining }) => draining)

/** Queues without a worker, then those in which tasks fail, then the longest. */
export const byTrouble = (queues: QueueNumbers[]): QueueNumbers[] => queues.toSorted((one, other) =>
  Number(hasNoWorker(other)) - Number(hasNoWorker(one)) ||
  other.counts.failed - one.counts.failed || other.counts.waiting - one.counts.waiting)

const tasksPath = (root: string, state: TaskState, queue?: string): string =>
  `${root}tasks?state=${state}${queue === undefined ? '' : `&queue=${encodeURIComponent(queue)}`}`

function totals ({ root }: PageContext, { queues }: Sample): Html {
  const cards = STATES.map(name => html`<li><a href="${tasksPath(root, name)}">${state(name)}
<b>${number(queues.reduce((sum, { counts }) => sum + counts[name], 0))}</b></a></li>`)
  return html`<ul class="cards">${cards}</ul>`
}

function live ({ sampler }: PageContext): Value {
  const { rates } = sampler
  if (rates.length < 2) return null
  const { ended, waiting } = rates.at(-1)!
  const shown = [
    ['Ended per second', ended.toFixed(1), rates.map(rate => rate.ended)],
    ['Waiting', number(waiting), rates.map(rate => rate.waiting)]
  ] as const
  return html`<section aria-label="The last ten minutes"><div class="charts">${shown.map(([title, now, values]) =>
    html`<figure><figcaption>${title} <b>${now}</b></figcaption>
${sparkline(values, `${title}: now ${now}, at most ${Math.max(...values).toFixed(1)} in ${values.length} samples`)}
</figure>`)}</div></section>`
}

export function queueRow ({ root }: PageContext, queue: QueueNumbers): Value[] {
  const { name, counts, oldestSeconds, workers } = queue
  const slots = workers.reduce((sum, { concurrency }) => sum + concurrency, 0)
  const count = (state: typeof STATES[number]): Html =>
    html`<a href="${tasksPath(root, state, name)}">${number(counts[state])}</a>`
  return [
    html`<a href="${root}queues/${encodeURIComponent(name)}">${text(name)}</a>
${counts.paused && badge('paused', 'warn')}`,
    count('waiting'), oldestSeconds > 0 && duration(oldestSeconds * 1_000), count('delayed'),
    html`${count('active')} <small>of ${number(slots)}</small>`,
    count('failed'), count('succeeded'), hasNoWorker(queue) ? badge('no worker', 'bad') : number(workers.length)
  ]
}

export const QUEUE_TITLES =
  ['Queue', 'Waiting', 'Longest wait', 'Delayed', 'Active', 'Failed', 'Succeeded', 'Workers']

export const overview: MakePage = async context => {
  const sample = await context.sampler.sample()
  const shown = byTrouble(sample.queues).slice(0, MAX_QUEUES)
  const more = sample.queues.length - shown.length
  const rows = shown.map(queue => queueRow(context, queue))
  return {
    title: 'Overview',
    section: 'Overview',
    body: html`${totals(context, sample)}${live(context)}${historyChart(await context.sampler.history())}<h2>Queues</h2>
${rows.length === 0 ? empty('There are no queues.') : table('Queues', QUEUE_TITLES, rows)}
${more > 0 && html`<p><a href="${context.root}queues">${more} more queues</a></p>`}`
  }
}
