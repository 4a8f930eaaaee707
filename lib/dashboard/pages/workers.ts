import { html, type Value } from '../html.ts'
import { badge, duration, empty, number, table, taskPath, text, time } from '../parts.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { WorkerInfo } from '../../types.ts'

export const WORKER_TITLES = ['Worker', 'Queues', 'Busy', 'Lag', 'Started', 'Seen', 'Version']

export function workerRow (worker: WorkerInfo): Value[] {
  const { host, pid, queues, concurrency, active, lag, startedAt, seenAt, version, draining } = worker
  const slots = concurrency * queues.length
  return [
    html`${text(`${host}:${pid}`)} ${draining && badge('closing', 'warn')}`,
    text(queues.join(', ')),
    html`<meter min="0" max="${slots}" value="${active}">${active}</meter> ${number(active)}
<small>of ${number(slots)}</small>`,
    html`<span title="mean ${lag.mean} ms">${duration(lag.max)}</span>`,
    time(startedAt), time(seenAt), text(version)
  ]
}

function running (context: PageContext, workers: WorkerInfo[]): Value {
  const all = workers.flatMap(({ host, pid, running }) =>
    running.map(task => ({ task, where: `${host}:${pid}` })))
  if (all.length === 0) return empty('Nothing runs.')
  all.sort((one, other) => one.task.startedAt < other.task.startedAt ? -1 : 1)
  const titles = ['Task', 'Name', 'Queue', 'Attempt', 'Since', 'Worker']
  return table('Running tasks', titles, all.map(({ task, where }) => [
    html`<a href="${taskPath(context, task.id, task.queue)}">${text(task.id, 40)}</a>`, text(task.name),
    text(task.queue), number(task.attempt),
    html`${time(task.startedAt)} ${task.overdue && badge('over its time', 'bad')}`, text(where)
  ]))
}

export const workers: MakePage = async context => {
  const { workers } = await context.sampler.sample()
  const versions = new Set(workers.map(({ version }) => version))
  const none = empty('No worker runs. Start one with: fastify-tasks worker -A app.js')
  return {
    title: 'Workers',
    section: 'Workers',
    body: html`${versions.size > 1 && html`<p>${badge('mixed versions', 'warn')} ${versions.size} versions run.</p>`}
${workers.length === 0 ? none : table('Workers', WORKER_TITLES, workers.map(workerRow))}
<h2>Running now, longest first</h2>${running(context, workers)}`
  }
}
