import { html, type Value } from '../html.ts'
import { flowPicture } from '../flow-svg.ts'
import { empty, number, progressBar, state, table, taskPath, text, time } from '../parts.ts'
import { pager } from './tasks.ts'
import type { MakePage, PageContext } from '../context.ts'
import type { BriefRecord } from '../../boot/app-registry.ts'

const LIMIT = 50

const TITLES = ['Flow', 'State', 'Progress', 'Enqueued', 'Ended', 'Error']

function row (context: PageContext, task: BriefRecord): Value[] {
  const { id, queue, state: at, progress, enqueuedAt, finishedAt, error } = task
  return [
    html`<a href="${taskPath(context, id, queue)}">${text(id, 40)}</a>`, state(at), progressBar(progress),
    time(enqueuedAt), time(finishedAt), error && text(error.message, 120)
  ]
}

export const flows: MakePage = async context => {
  const { instance, query: { cursor } } = context
  const page = await instance.listBriefs({ kind: 'flow', limit: LIMIT, ...(cursor && { cursor }) })
  const rows = page.tasks.map(task => row(context, task))
  return {
    title: 'Flows',
    section: 'Flows',
    body: html`${rows.length === 0 ? empty('There are no flows here.') : table('Flows', TITLES, rows)}
${pager(context, page.cursor)}`
  }
}

function member (context: PageContext, { id, queue, name, flow, state: at, attempt, error }: BriefRecord): Value[] {
  const link = html`<a href="${taskPath(context, id, queue)}">${text(flow?.key ?? id, 60)}</a>`
  return [link, text(name), state(at), attempt, error && text(error.message, 120)]
}

/** A larger flow has no picture: nobody could read it. */
const MOST_DRAWN = 500

/** Its graph. */
export async function picture (context: PageContext, { id, queue, flow }: BriefRecord): Promise<Value> {
  if (context.query.cursor) return null
  const members = await context.instance.readGraph(id, queue, MOST_DRAWN)
  if (members) return flowPicture(context, members)
  const total = flow?.total ?? 0
  return total > MOST_DRAWN && html`<p class="hint">A flow of ${number(total)} members is not drawn.</p>`
}

/** The members of a flow, a page of them. */
export async function members (context: PageContext, id: string): Promise<Value> {
  const { instance, query: { cursor } } = context
  const page = await instance.listBriefs({ flow: id, limit: LIMIT, ...(cursor && { cursor }) })
  const rows = page.tasks.map(task => member(context, task))
  return html`<h2>Members</h2>${table('Members', ['Member', 'Name', 'State', 'Attempt', 'Error'], rows)}
${pager(context, page.cursor)}`
}
