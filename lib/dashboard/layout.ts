/**
 * What is around each page: head, menu, messages, foot.
 */
import { assetPath } from './assets.ts'
import { html, type Html, type Value } from './html.ts'
import { hidden, placeOf } from './parts.ts'
import { FILTER_FIELDS } from './task-filter.ts'
import { version } from '../version.ts'
import type { Page, PageContext } from './context.ts'

const MENU: Array<[path: string, title: string, key: string]> = [
  ['', 'Overview', 'o'], ['queues', 'Queues', 'q'], ['tasks', 'Tasks', 't'], ['workers', 'Workers', 'w'],
  ['names', 'Names', 'n'], ['schedules', 'Schedules', 's'], ['flows', 'Flows', 'f']
]

const DONE: Record<string, string> = {
  retry: 'queued again',
  promote: 'due now',
  cancel: 'cancelled, or asked to end',
  remove: 'removed',
  purge: 'removed from the queue',
  pause: 'paused',
  resume: 'resumed',
  trigger: 'enqueued now'
}

/** The outcome of an action, told by numbers in the query: no text of the address is shown. */
function outcome (context: PageContext): Value {
  const { query: { did = '', ok, no, more } } = context
  if (!Object.hasOwn(DONE, did)) return null
  const [done, not] = [Number(ok), Number(no)].map(count => Number.isSafeInteger(count) ? count : 0)
  const why = `their state has changed, or they are gone${did === 'retry' ? ', or their flow has to be retried' : ''}`
  const refused = not! > 0 && ` ${not} could not be: ${why}.`
  const rest = more && ' There are more.'
  const button = more && goOn(context, did, more)
  return html`<div class="note" role="status">${done} ${DONE[did]}.${refused}${rest} ${button}</div>`
}

/**
 * The same for those that the request before did not come to: it stops after some time. If the way to this page did not
 * begin on a page of this origin, it is asked once more: anybody may write such an address and send it to somebody.
 */
function goOn (context: PageContext, did: string, cursor: string): Html {
  const { root, query, request: { headers } } = context
  const sure: Record<string, string> = headers['sec-fetch-site'] === 'same-origin' ? { sure: 'yes' } : {}
  const filter = Object.fromEntries(FILTER_FIELDS.map(name => [name, query[name] ?? '']))
  const fields = { ...filter, state: query.of ?? '', do: did, ...sure, cursor, back: placeOf(context) }
  return html`<form method="post" action="${root}actions/matching" class="inline">${hidden(fields)}
<button>Go on</button></form>`
}

const menu = (root: string, section: string): Value => MENU.map(([path, title, key]) => html`<a href="${root}${path}"
 data-key="${key}"${section === title && html` aria-current="page"`}>${title}</a>`)

export function layout (context: PageContext, { title, section, body }: Page): Html {
  const { root, settings, query, request: { method } } = context
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title} · ${settings.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${root}${assetPath('style.css')}">
<script type="module" src="${root}${assetPath('page.js')}"></script></head>
<body data-root="${root}"><a class="skip" href="#main">To the content</a>
<header><strong class="brand"><a href="${root}">${settings.title}</a></strong>
<nav aria-label="Pages">${menu(root, section)}</nav>
<form role="search" action="${root}tasks" class="search"><label class="unseen" for="q">Find a task</label>
<input id="q" name="q" type="search" placeholder="Id, tag, name or error" value="${section === 'Tasks' && query.q}"
 maxlength="200" autocomplete="off" spellcheck="false"><button>Find</button></form></header>
<div id="stale" class="stale" role="alert" hidden></div>
<main id="main" tabindex="-1"${method === 'GET' && html` data-live`}>${outcome(context)}<h1>${title}</h1>
${body}</main>
<footer><span>fastify-tasks ${version}</span><span id="live"></span></footer></body></html>`
}
