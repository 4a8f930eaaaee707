import { whenOf } from '../../schedules/in-words.ts'
import { html, type Html, type Value } from '../html.ts'
import { actionButton, badge, empty, number, state, table, taskPath, text, time } from '../parts.ts'
import { pager } from './tasks.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { ScheduleRecord } from '../../types.ts'

const LIMIT = 50
const NONE = 'There are no schedules. fastify.tasks.defineSchedule(id, spec) declares one.'

const TITLES = ['Schedule', 'Task', 'When', 'Next', 'Last', 'Fired', 'Skipped', 'Missed', 'Actions']

function buttons (context: PageContext, { id, paused, declared, orphan }: ScheduleRecord): Value {
  const { rights } = context
  const button = (action: string, label: string, question?: string): Html => actionButton({
    context,
    action: 'schedule',
    label,
    fields: { do: action, id },
    ...(question !== undefined && { question, kind: 'danger' })
  })
  return [
    rights.trigger && button('trigger', 'Run now'),
    rights.pause && (paused ? button('resume', 'Resume') : button('pause', 'Pause')),
    rights.remove && (!declared || orphan) && button('remove', 'Remove', `Remove the schedule "${id}"?`)
  ]
}

function row (context: PageContext, schedule: ScheduleRecord): Value[] {
  const { id, task, queue, timezone, next, last, paused, orphan, fired, skipped, missed } = schedule
  return [
    html`${text(id)} ${paused && badge('paused', 'warn')} ${orphan && badge('orphan', 'bad')}`, text(task),
    html`${text(whenOf(schedule))} <small>${timezone}</small>`, time(next[0]),
    last && html`<a href="${taskPath(context, last.taskId, queue)}">${time(last.plannedAt)}</a>
${last.state && state(last.state)}`,
    number(fired), number(skipped), missed > 0 ? badge(number(missed), 'warn') : '0', buttons(context, schedule)
  ]
}

export const schedules: MakePage = async context => {
  const { instance: { tasks }, query: { cursor: from } } = context
  const { schedules: shown, cursor } = await tasks.schedules.list({ limit: LIMIT, ...(from && { cursor: from }) })
  return {
    title: 'Schedules',
    section: 'Schedules',
    body: html`${shown.length === 0
      ? empty(from ? 'There are no more.' : NONE)
      : table('Schedules', TITLES, shown.map(schedule => row(context, schedule)))}
${pager(context, cursor)}`
  }
}
