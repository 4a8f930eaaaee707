import { historyChart } from '../history-chart.ts'
import { html, type Value } from '../html.ts'
import { badge, empty, table, text } from '../parts.ts'
import type { MakePage, PageContext } from '../context.ts'

/** The history of one name, in its own queue. */
async function history ({ instance, query: { name } }: PageContext): Promise<Value> {
  const definition = name ? instance.definitions.get(name) : undefined
  if (!definition) return null
  const points = await instance.tasks.history({ queue: definition.queue, name: definition.name })
  return html`<h2>${text(definition.name)}</h2>${historyChart(points) ?? empty('There is no history.')}`
}

export const names: MakePage = async context => {
  const { instance, root } = context
  const rows = [...instance.definitions.values()].toSorted((one, other) => one.name < other.name ? -1 : 1)
  const links = ({ name, queue }: { name: string, queue: string }): string =>
    `queue=${encodeURIComponent(queue)}&name=${encodeURIComponent(name)}`
  return {
    title: 'Names',
    section: 'Names',
    body: html`<p class="hint">The tasks that this process defines.</p>
${rows.length === 0
    ? empty('This process defines no task.')
    : table('Names of tasks', ['Name', 'Queue', 'Handler', 'Tasks'], rows.map(row => [
        html`<a href="?name=${encodeURIComponent(row.name)}">${text(row.name)}</a>`,
        html`<a href="${root}queues/${encodeURIComponent(row.queue)}">${text(row.queue)}</a>`,
        row.hasHandler ? 'here' : badge('elsewhere', 'plain'),
        html`<a href="${root}tasks?state=waiting&amp;${links(row)}">waiting</a>
<a href="${root}tasks?state=active&amp;${links(row)}">active</a>
<a href="${root}tasks?state=failed&amp;${links(row)}">failed</a>`
      ]))}${await history(context)}`
  }
}
