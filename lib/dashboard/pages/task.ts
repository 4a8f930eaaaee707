import { html, type Html, type Value } from '../html.ts'
import { members, picture } from './flows.ts'
import { notFound } from './problem.ts'
import { TASK_ACTIONS, toField, type TaskAction } from '../task-actions.ts'
import { toLoggable } from '../../records/failure.ts'
import { traceFields } from '../../records/origin.ts'
import {
  actionButton, duration, json, number, progressBar, queryWith, state, table, taskPath, text, time
} from '../parts.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { WholeTask } from '../../boot/app-registry.ts'
import type { DashboardSettings } from '../../options.ts'
import type { TaskRecord } from '../../types.ts'

/** Lines of a log on the page. */
const MAX_LINES = 500
/** Of a larger record neither data nor result is read. In bytes. */
const MAX_RECORD = 1_048_576

/** A member of a flow is retried with its flow. */
const isOffered = ({ name, states }: TaskAction, { state, flow }: TaskRecord): boolean =>
  states.includes(state) && !(name === 'retry' && flow !== null && flow.key !== null)

const buttons = (context: PageContext, task: TaskRecord): Value =>
  TASK_ACTIONS.filter(action => context.rights[action.right] && isOffered(action, task))
    .map(({ name, label, question }) => actionButton({
      context,
      action: 'tasks',
      label,
      fields: { do: name, task: toField(task) },
      ...(question && { question, kind: 'danger' })
    }))

/** What happened to it, in order: the last attempt that has started may be among those that have failed. */
function timeline ({ enqueuedAt, dueAt, failedAttempts, startedAt, finishedAt, state: at, attempt }: TaskRecord): Html {
  const past = failedAttempts.map(({ attempt, startedAt, finishedAt, worker, error }) => ({
    at: finishedAt,
    what: html`attempt ${attempt} failed: ${text(`${error.name}: ${error.message}`)} <small>${worker && text(worker)}
${startedAt && `after ${duration(Date.parse(finishedAt) - Date.parse(startedAt))}`}</small>`
  }))
  const started = startedAt ? [{ at: startedAt, what: `attempt ${attempt} started` }] : []
  const attempts = [...started, ...past].toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at))
  const rows: Value[][] = [
    [time(enqueuedAt), 'enqueued'], ...attempts.map(({ at, what }) => [time(at), what]),
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
async function data (context: PageContext, task: WholeTask): Promise<Value> {
  const { settings: { redact }, rights } = context
  const { record, unread } = task
  if (!rights.data || unread !== null) return null
  if (!redact) return 'data' in record && part('Data', json(record.data), false)
  const shown = await redacted(context, redact, task)
  return shown && part('Data', shown, false)
}

/** Null if nothing is to be seen. If it throws, or JSON has no such value, the rest of the page is shown. */
async function redacted (
  { request }: PageContext, redact: NonNullable<DashboardSettings['redact']>, { record, data }: WholeTask
): Promise<Html | null> {
  const { id, name, queue } = record
  try {
    const shown = await redact({ id, name, queue, data })
    return shown === undefined || shown === null ? null : json(shown)
  } catch (error) {
    const fields = { event: 'dashboard.redact_failed', taskId: id, queue, err: toLoggable(error) }
    request.log.warn(fields, 'redact of the dashboard failed: the data of the task is not shown')
    return html`<p class="hint">Not shown: <code>redact</code> has failed. The log of the app says why.</p>`
  }
}

/** A record of some MB would hold up Redis, this process and the browser. */
const unread = ({ unread: bytes }: WholeTask): Value => bytes !== null &&
  html`<p class="hint">The record of this task has ${number(bytes)} bytes: its data and its result are not shown here.
The status route of the app has them, and <code>fastify-tasks status ID</code>.</p>`

/** What it has logged, for those who may see its data. */
async function log ({ rights }: PageContext, task: WholeTask): Promise<Value> {
  const { lines } = rights.data ? await task.readLog() : { lines: [] }
  if (lines.length === 0) return null
  const rows = lines.slice(-MAX_LINES).map(({ time: at, level, attempt, msg, fields }) => [
    time(at), level, String(attempt),
    html`${text(msg, 2_048)} ${fields && html`<small>${JSON.stringify(fields)}</small>`}`
  ])
  const isCut = lines.length > MAX_LINES
  const cut = isCut && html`<p class="hint">The last ${MAX_LINES} of ${number(lines.length)} lines.</p>`
  return part('Log', html`${table('Log', ['Time', 'Level', 'Attempt', 'Message'], rows)}${cut}`)
}

/** A link to the trace of the request that enqueued the task. */
function trace ({ traceUrl }: DashboardSettings, { traceparent }: WholeTask): Value {
  if (!traceUrl || !traceparent) return null
  const { trace_id: traceId } = traceFields(traceparent)
  return html`<a href="${traceUrl.replace('{traceId}', traceId)}" rel="noreferrer">${traceId}</a>`
}

function facts (context: PageContext, task: WholeTask): Html {
  const { id, name, queue, stage, progress, attempt, attempts, priority, blockedBy, schedule, flow, tags } = task.record
  const rows: Array<[string, Value]> = [
    ['Id', html`<code>${text(id)}</code>`], ['Name', text(name)],
    ['Queue', html`<a href="${context.root}queues/${encodeURIComponent(queue)}">${text(queue)}</a>`],
    ['Attempt', `${attempt} of ${attempts}`],
    ['Priority', priority !== 'normal' && priority], ['Stage', stage && text(stage)],
    ['Progress', progressBar(progress)],
    ['Waits for', blockedBy && text(blockedBy.text)],
    ['Schedule', schedule && html`${text(schedule.id)}, planned for ${time(schedule.plannedAt)}`],
    ['Tags', tags.length > 0 && tags.map(tag =>
      html`<a class="tag" href="${context.root}tasks${queryWith({}, { tag })}">${text(tag)}</a> `)],
    ['Trace', trace(context.settings, task)],
    ['Flow', flow?.key && html`<a href="${taskPath(context, flow.id, queue).split('?')[0]}">${text(flow.id)}</a>`]
  ]
  return html`<dl class="facts">${rows.filter(([, value]) => value).map(([title, value]) =>
    html`<div><dt>${title}</dt><dd>${value}</dd></div>`)}</dl>`
}

export const task: MakePage = async context => {
  const { params: { id = '' }, query: { queue }, instance } = context
  const isKnown = queue === undefined || instance.knownQueues().includes(queue)
  const whole = isKnown ? await instance.readTask(id, queue, MAX_RECORD) : null
  if (!whole) return notFound('There is no task with this id: its record may have expired.')
  const { record } = whole
  const isFlow = record.flow !== null && record.flow.key === null
  const { result, progress } = record
  return {
    title: isFlow ? 'Flow' : 'Task',
    section: isFlow ? 'Flows' : 'Tasks',
    body: html`<p class="lead">${state(record.state)} <b>${text(record.name)}</b></p>
<div class="actions">${buttons(context, record)}</div>
${facts(context, whole)}${failure(record)}${unread(whole)}${result !== null && part('Result', json(result))}
${progress !== null && part('Progress', json(progress), false)}${await data(context, whole)}
${isFlow
  ? [await picture(context, record), await members(context, id)]
  : [timeline(record), await log(context, whole)]}`
  }
}
