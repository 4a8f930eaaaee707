import { html } from '../html.ts'
import { badge, empty, table, text } from '../parts.ts'
import type { MakePage } from '../context.ts'

export const names: MakePage = async ({ instance, root }) => {
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
        text(row.name), html`<a href="${root}queues/${encodeURIComponent(row.queue)}">${text(row.queue)}</a>`,
        row.hasHandler ? 'here' : badge('elsewhere', 'plain'),
        html`<a href="${root}tasks?state=waiting&amp;${links(row)}">waiting</a>
<a href="${root}tasks?state=active&amp;${links(row)}">active</a>
<a href="${root}tasks?state=failed&amp;${links(row)}">failed</a>`
      ]))}`
  }
}
