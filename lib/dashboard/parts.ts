/**
 * Parts that several pages show.
 */
import { html, type Html, type Value } from './html.ts'
import type { TaskRecord, TaskState } from '../types.ts'
import type { PageContext } from './context.ts'

/** As much of a value is on a page. */
const MAX_VALUE = 65_536

export const number = (value: number): string => value.toLocaleString('en')

/** A point in time. Our script makes it relative; the title, and the page without the script, have it whole. */
export function time (iso: string | null | undefined): Value {
  if (!iso) return '–'
  const text = iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
  return html`<time datetime="${iso}" title="${iso}">${text}</time>`
}

export const state = (name: TaskState): Html => html`<span class="state ${name}">${name}</span>`

export const badge = (text: string, kind: string): Html => html`<span class="badge ${kind}">${text}</span>`

/** Text of others: its direction is its own. */
export const text = (value: string, length = 200): Html =>
  html`<bdi>${value.length > length ? `${value.slice(0, length)}…` : value}</bdi>`

const UNITS: Array<[ms: number, unit: string]> = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'min'], [1_000, 's']]

export function duration (ms: number): string {
  const [size, unit] = UNITS.find(([size]) => ms >= size) ?? [1, 'ms']
  const count = ms / size
  return `${count >= 10 || size === 1 ? Math.round(count) : count.toFixed(1)} ${unit}`
}

/** From the start of the last attempt to its end. */
export function ranFor ({ startedAt, finishedAt }: Pick<TaskRecord, 'startedAt' | 'finishedAt'>): string {
  return startedAt && finishedAt ? duration(Date.parse(finishedAt) - Date.parse(startedAt)) : '–'
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0

/** A bar for a progress of the form { current, total } or { done, total }, or of a number up to 100. */
export function progressBar (progress: unknown): Value {
  const { current, done = current, total } = (progress ?? {}) as Record<string, unknown>
  const [value, max] = isCount(progress) && progress <= 100 ? [progress, 100] : [done, total]
  if (!isCount(value) || !isCount(max) || max === 0) return null
  const percent = Math.min(100, Math.floor(value / max * 100))
  return html`<progress max="${max}" value="${value}">${percent} %</progress> <small>${percent} %</small>`
}

/** A value as JSON, cut on the server. */
export function json (value: unknown): Html {
  const written = JSON.stringify(value, null, 2) ?? String(value)
  const cut = written.length > MAX_VALUE
  return html`<pre tabindex="0">${cut ? written.slice(0, MAX_VALUE) : written}</pre>
${cut && html`<p class="hint">The first ${number(MAX_VALUE)} of ${number(written.length)} characters.</p>`}`
}

export const taskPath = ({ root }: PageContext, id: string, queue: string): string =>
  `${root}tasks/${encodeURIComponent(id)}?queue=${encodeURIComponent(queue)}`

/** What is given, and the rest of the query without the cursor. */
export function queryWith (query: Record<string, string>, changes: Record<string, string | null>): string {
  const { cursor, did, ok, no, more, of, ...kept } = query
  const merged = Object.entries({ ...kept, ...changes }).filter(([, value]) => value !== null && value !== '')
  return `?${new URLSearchParams(merged as Array<[string, string]>)}`
}

export const hidden = (fields: Record<string, string>): Value =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)

interface Button {
  context: PageContext
  /** Below the folder of actions. */
  action: string
  label: string
  fields: Record<string, string>
  /** What is asked before it is done. */
  question?: string
  kind?: 'danger' | 'plain'
}

/** A form of one button. It comes back to this page. */
export function actionButton ({ context, action, label, fields, question, kind = 'plain' }: Button): Html {
  return html`<form method="post" action="${context.root}actions/${action}" class="inline"
${question && html` data-question="${question}"`}>${hidden({ ...fields, back: placeOf(context) })}
<button class="${kind}">${label}</button></form>`
}

/** The page that is shown, as the way from the first page to it. */
export function placeOf ({ request, root, query }: PageContext): string {
  const path = request.url.split('?')[0]!.split('/').slice(root === './' ? -1 : -(root.length / 3 + 1)).join('/')
  return `${path}${queryWith(query, {})}`
}

export const empty = (message: string): Html => html`<p class="empty">${message}</p>`

/** The columns of a row have the title of their column: on a phone each row is a card. */
export function table (caption: string, titles: string[], rows: Value[][]): Html {
  const heads = titles.map(title => html`<th scope="col">${title}</th>`)
  const cells = (row: Value[]): Value =>
    row.map((cell, i) => html`<td data-title="${titles[i]}"><div>${cell}</div></td>`)
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption class="unseen">${caption}</caption><thead><tr>${heads}</tr></thead>
<tbody>${rows.map(row => html`<tr>${cells(row)}</tr>
`)}</tbody></table></div>`
}

/** A line of numbers, the newest at the right. */
export function sparkline (values: readonly number[], title: string): Html {
  const [width, height] = [240, 40]
  const top = Math.max(1, ...values)
  const step = width / Math.max(1, values.length - 1)
  const heightOf = (value: number): number => height - 2 - value / top * (height - 4)
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${heightOf(value).toFixed(1)}`)
  return html`<svg role="img" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" class="sparkline">
<title>${title}</title><polyline points="${points.join(' ')}"/></svg>`
}
