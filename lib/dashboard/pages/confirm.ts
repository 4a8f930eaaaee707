import { html } from '../html.ts'
import { number, text } from '../parts.ts'
import type { Page, PageContext } from '../context.ts'

/** Asks before something is destroyed, for browsers without our script. Sends the same form again. */
export function confirm ({ root }: PageContext, question: string, fields: Record<string, string[]>): Page {
  const kept = Object.entries(fields).filter(([name]) => name !== 'sure')
  const inputs = kept.flatMap(([name, values]) =>
    values.map(value => html`<input type="hidden" name="${name}" value="${value}">`))
  const count = fields.task?.length ?? 0
  const names = ['queue', 'name', 'tag', 'id'].map(name => fields[name]?.[0])
  const times = ['from', 'to'].map(name => fields[name]?.[0] && `${name} ${fields[name][0]} (UTC)`)
  const on = [...names, ...times].map(value => value && html`<li>${text(value)}</li>`)
  return {
    title: 'Are you sure?',
    section: '',
    body: html`<p>${question}</p>${count > 0 && html`<p>${number(count)} chosen.</p>`}<ul>${on}</ul>
<form method="post" class="actions">${inputs}<input type="hidden" name="sure" value="yes">
<button class="danger">Yes</button> <a href="${root}">No</a></form>`
  }
}
