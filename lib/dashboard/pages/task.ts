import { html, type Html, type Value } from '../html.ts'
import { members } from './flows.ts'
import { notFound } from './problem.ts'
import { actionButton, duration, json, progressBar, state, table, taskPath, text, time } from '../parts.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { DashboardRight, TaskRecord, TaskState } from '../../types.ts'

const isOneOf = (...states: TaskState[]) => ({ state }: TaskRecord): boolean => states.includes(state)

interface TaskAction {
  action: DashboardRight
  label: string
  may: (task: TaskRecord) => boolean
  question?: string
}

const ACTIONS: TaskAction[] = [
  { action: 'retry', label: 'Retry', may: isOneOf('failed') },
  {
    action: 'cancel',
    label: 'Cancel',
    may: isOneOf('active', 'waiting', 'delayed', 'retrying'),
    question: 'Cancel this task? It does not start, or is asked to end.'
  },
  {
    action: 'remove',
    label: 'Remove',
    may: task => task.state !== 'active',
    question: 'Remove this task, and all that is stored of it?'
  }
]

function buttons (context: PageContext, task: TaskRecord): Value {
  const { id, queue } = task
  return ACTIONS.filter(({ action, may }) => context.rights[action] && may(task))
    .map(({ action, label, question }) => actionButton({
      context,
      action: 'tasks',
      label,
      fields: { do: action, task: `${queue} ${id}` },
      ...(question && { question, kind: 'danger' })
    }))
}

/** What happened to it, in order. */
function timeline ({ enqueuedAt, dueAt, failedAttempts, startedAt, finishedAt, state: at, attempt }: TaskRecord): Html {
  const past: Value[][] = failedAttempts.map(({ attempt, startedAt, finishedAt, worker, error }) => [
    time(finishedAt),
    html`attempt ${attempt} failed: ${text(`${error.name}: ${error.message}`)} <small>${worker && text(worker)}
${startedAt && `after ${duration(Date.parse(finishedAt) - Date.parse(startedAt))}`}</small>`
  ])
  const rows: Value[][] = [
    [time(enqueuedAt), 'enqueued'], ...past,
    ...startedAt ? [[time(startedAt), `attempt ${attempt} started`]] : [],
    ...finishedAt ? [[time(finishedAt), state(at)]] : [],
    ...dueAt ? [[time(dueAt), 'may start']] : []
  ]
  return html`<h2>What happened</h2>${table('What happened', ['Time', 'What'], rows)}`
}

const part = (title: string, content: Value, open = true): Html =>
  html`<details id="${title.toLowerCase()}"${open && html` open`}><summary>${title}</summary>${content}</details>`

function failure ({ error }: TaskRecord): Value {
  if (!error) return null
  const { name, message, code, stack } = error
  return part('Error', html`<p class="error"><b>${text(name)}</b> ${code && html`<code>${code}</code>`}<br>
${text(message, 4_096)}</p>${stack && html`<pre tabindex="0">${stack}</pre>`}`)
}

/** Only what may be seen: what the task exposes, or what `redact` returns, for those with the right. */
async function data ({ instance, settings, rights }: PageContext, task: TaskRecord): Promise<Value> {
  const { id, name, queue } = task
  if (!rights.data) return null
  if (!settings.redact) return 'data' in task && part('Data', json(task.data), false)
  const read = await instance.readTask(id, queue)
  const shown = read && await settings.redact({ id, name, queue, data: read.data })
  return shown !== undefined && shown !== null && part('Data', json(shown), false)
}

function facts (context: PageContext, task: TaskRecord): Html {
  const { id, name, queue, stage, progress, attempt, attempts, schedule, flow } = task
  const rows: Array<[string, Value]> = [
    ['Id', html`<code>${text(id)}</code>`], ['Name', text(name)],
    ['Queue', html`<a href="${context.root}queues/${encodeURIComponent(queue)}">${text(queue)}</a>`],
    ['Attempt', `${attempt} of ${attempts}`], ['Stage', stage && text(stage)], ['Progress', progressBar(progress)],
    ['Schedule', schedule && html`${text(schedule.id)}, planned for ${time(schedule.plannedAt)}`],
    ['Flow', flow?.key && html`<a href="${taskPath(context, flow.id, queue).split('?')[0]}">${text(flow.id)}</a>`]
  ]
  return html`<dl class="facts">${rows.filter(([, value]) => value).map(([title, value]) =>
    html`<div><dt>${title}</dt><dd>${value}</dd></div>`)}</dl>`
}

export const task: MakePage = async context => {
  const { params: { id = '' }, query: { queue }, instance, sampler } = context
  const isKnown = queue === undefined || (await sampler.queues()).includes(queue)
  const found = isKnown ? await instance.tasks.status(id, queue ? { queue } : {}) : null
  if (!found) return notFound('There is no task with this id: its record may have expired.')
  const isFlow = found.flow !== null && found.flow.key === null
  const { result, progress } = found
  return {
    title: isFlow ? 'Flow' : 'Task',
    section: isFlow ? 'Flows' : 'Tasks',
    body: html`<p class="lead">${state(found.state)} <b>${text(found.name)}</b></p>
<div class="actions">${buttons(context, found)}</div>
${facts(context, found)}${failure(found)}${result !== null && part('Result', json(result))}
${progress !== null && part('Progress', json(progress), false)}${await data(context, found)}
${isFlow ? await members(context, id) : timeline(found)}`
  }
}
