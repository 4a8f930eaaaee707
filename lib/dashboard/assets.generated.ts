// Made by scripts/build-assets.mjs from the files in assets/: change those, and run `npm run compile`.
/* eslint-disable */
export const assets = {
  'style.css': `:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1a1f2b; --dim: #5c6575; --line: #e1e5ec; --soft: #eef1f6;
  --accent: #2456d6; --accent-ink: #fff; --good: #157347; --bad: #c0262d; --warn: #94610a; --calm: #52607a;
  --go: #2456d6; --wait: #6b4fc2; --shadow: 0 1px 2px rgb(20 30 60 / 6%), 0 4px 16px rgb(20 30 60 / 4%);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10131a; --card: #181c25; --ink: #e7eaf1; --dim: #9aa4b6; --line: #2a303d; --soft: #202632;
    --accent: #8db0ff; --accent-ink: #0e1524; --good: #6ad3a0; --bad: #ff8f8f; --warn: #f0c067; --calm: #a9b5ca;
    --go: #8db0ff; --wait: #c1aeff; --shadow: none;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  min-height: 100vh; display: flex; flex-direction: column; overflow-wrap: anywhere;
}
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
p a, td a { text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: .22em; text-decoration-color: var(--line); }
p a:hover, td a:hover { text-decoration-color: currentcolor; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; border: 0;
}
.skip { position: absolute; left: -999px; top: 0; background: var(--card); padding: .5rem 1rem; z-index: 3; }
.skip:focus { left: .5rem; top: .5rem; }

header {
  background: var(--card); border-bottom: 1px solid var(--line); padding: .6rem clamp(1rem, 3vw, 2.5rem);
  display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1.5rem; position: sticky; top: 0; z-index: 2;
}
.brand a { color: var(--ink); font-size: 1.05rem; letter-spacing: -.01em; }
nav { display: flex; flex-wrap: wrap; gap: .1rem; }
header nav a { color: var(--dim); padding: .3rem .7rem; border-radius: 7px; }
header nav a:hover { background: var(--soft); color: var(--ink); text-decoration: none; }
header nav a[aria-current] { background: var(--soft); color: var(--ink); font-weight: 600; }
.search { margin-left: auto; display: flex; gap: .4rem; }
.search input { width: clamp(9rem, 20vw, 17rem); }

main { flex: 1; width: 100%; max-width: 1400px; margin: 0 auto; padding: 1.4rem clamp(1rem, 3vw, 2.5rem) 3rem; outline: none; }
h1 { font-size: 1.5rem; letter-spacing: -.02em; margin: .2rem 0 1.1rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .7rem; }
footer {
  color: var(--dim); font-size: .85rem; padding: .9rem clamp(1rem, 3vw, 2.5rem); border-top: 1px solid var(--line);
  display: flex; justify-content: space-between; gap: 1rem; flex-wrap: wrap; align-items: center;
}
small, .hint { color: var(--dim); font-size: .86rem; }
.note, .stale { border-radius: 10px; padding: .7rem 1rem; margin: 0 0 1rem; background: var(--soft); border-left: 4px solid var(--good); }
.stale { border-left-color: var(--bad); margin: 1rem clamp(1rem, 3vw, 2.5rem) 0; }
.empty { color: var(--dim); background: var(--card); border: 1px dashed var(--line); border-radius: 12px; padding: 2rem; text-align: center; }

.cards { list-style: none; margin: 0 0 1.2rem; padding: 0; display: grid; gap: .7rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
.cards a { display: block; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .75rem 1rem; color: var(--ink); box-shadow: var(--shadow); }
.cards a:hover { border-color: var(--accent); text-decoration: none; }
.cards b { display: block; font-size: 1.55rem; line-height: 1.25; font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
.charts { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .75rem 1rem; box-shadow: var(--shadow); }
figcaption { color: var(--dim); font-size: .86rem; display: flex; justify-content: space-between; }
figcaption b { color: var(--ink); }
.sparkline { width: 100%; height: 3.2rem; display: block; }
.sparkline polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-linejoin: round; }

.bars { width: 100%; height: 6rem; display: block; }
.bars .all { fill: var(--soft); } .bars .good { fill: var(--good); } .bars .bad { fill: var(--bad); }
.drawn { overflow: auto; max-height: 34rem; }
.drawn svg { display: block; }
.lines { fill: none; stroke: var(--dim); stroke-opacity: .45; stroke-width: 1.4; }
.box rect { fill: var(--soft); stroke: var(--line); }
.box .mark { fill: currentcolor; stroke: none; }
.box text { fill: var(--ink); font-size: 13px; font-weight: 600; }
.box .detail { fill: var(--dim); font-size: 11.5px; font-weight: 400; }
.box { color: var(--calm); } a:hover .box rect { stroke: var(--accent); }
section { margin: 0 0 1rem; } section > details { margin-top: .7rem; }
.tag { margin-right: .4rem; }

.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .55rem .9rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-size: .8rem; font-weight: 600; color: var(--dim); white-space: nowrap; background: var(--soft); }
td { overflow-wrap: anywhere; }
td:first-child { min-width: 9rem; }
td:nth-child(2), td:nth-child(3) { min-width: 6rem; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: var(--soft); }
time { white-space: nowrap; }

.state, .badge { display: inline-flex; align-items: center; gap: .4em; font-size: .84rem; font-weight: 600; white-space: nowrap; color: var(--calm); }
.state::before { content: ""; width: .55em; height: .55em; border-radius: 50%; background: currentcolor; flex: none; }
.succeeded { color: var(--good); } .failed { color: var(--bad); } .active { color: var(--go); }
.waiting, .delayed { color: var(--wait); } .retrying { color: var(--warn); }
.badge { border: 1px solid currentcolor; border-radius: 99px; padding: 0 .6em; font-size: .78rem; }
.badge.bad { color: var(--bad); } .badge.warn { color: var(--warn); }
.lead { margin: -.6rem 0 1rem; display: flex; gap: .8rem; align-items: center; flex-wrap: wrap; }

button, input, select { font: inherit; color: inherit; border: 1px solid var(--line); border-radius: 8px; padding: .32rem .7rem; background: var(--card); max-width: 100%; }
button { cursor: pointer; font-weight: 500; }
button:hover { border-color: var(--accent); }
button.danger { color: var(--bad); }
button.danger:hover { border-color: var(--bad); }
input[type=checkbox] { width: 1.05em; height: 1.05em; accent-color: var(--accent); vertical-align: -.12em; }
label.check { white-space: nowrap; }
.inline { display: inline; }
.actions, .filters { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: 0 0 1rem; }
.filters p { margin: 0; flex-basis: 100%; }
.filters label { color: var(--dim); max-width: 100%; }
.actions form { min-width: 0; max-width: 100%; }
.pager { margin-top: 1rem; gap: 1.2rem; }
progress, meter { width: 6.5rem; height: .6rem; vertical-align: middle; accent-color: var(--accent); }

.facts { display: grid; gap: .1rem 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .6rem 1rem; margin: 0 0 1rem; box-shadow: var(--shadow); }
.facts div { padding: .35rem 0; }
dt { color: var(--dim); font-size: .82rem; } dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font-family: var(--mono); font-size: .88em; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 12px; margin: 0 0 .8rem; box-shadow: var(--shadow); }
summary { cursor: pointer; padding: .6rem 1rem; font-weight: 600; }
details > :not(summary) { margin: 0; padding: .2rem 1rem .9rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 28rem; overflow: auto; }
.error { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }

dialog { border: 1px solid var(--line); border-radius: 14px; background: var(--card); color: var(--ink); padding: 1.4rem; max-width: min(30rem, 92vw); box-shadow: 0 20px 60px rgb(0 0 0 / 30%); }
dialog::backdrop { background: rgb(10 14 24 / 45%); }
dialog menu { display: flex; gap: .6rem; justify-content: flex-end; padding: 0; margin: 1.2rem 0 0; }
kbd { font-family: var(--mono); border: 1px solid var(--line); border-radius: 5px; padding: 0 .4em; background: var(--soft); }

@media (max-width: 640px) {
  header { position: static; }
  .search { margin-left: 0; width: 100%; } .search input { flex: 1; }
  .cards { grid-template-columns: repeat(2, 1fr); }
  .scroll { border: 0; background: none; box-shadow: none; overflow: visible; }
  table, tbody, tr, td { display: block; }
  thead { display: none; }
  tr { background: var(--card); border: 1px solid var(--line); border-radius: 12px; margin-bottom: .7rem; padding: .4rem 0; }
  td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .22rem .9rem; text-align: right; }
  td::before { content: attr(data-title); color: var(--dim); font-size: .84rem; flex: none; text-align: left; }
  td:has(> div:empty) { display: none; }
}
@media (prefers-reduced-motion: no-preference) { a, button { transition: background .12s, border-color .12s; } }
`,
  'page.js': `// Makes the page live. Everything works without it.

const main = document.getElementById('main')
const stale = document.getElementById('stale')
// Not the answer to a form: its address has no page.
const isLive = 'live' in main.dataset
const INTERVALS = { off: 0, '2 s': 2000, '5 s': 5000, '15 s': 15000 }

// Times, relative to now.

const SPANS = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]
// Only for "now": it has "tomorrow" too, also for a time that is 47 hours ahead.
const now = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const others = new Intl.RelativeTimeFormat('en', { style: 'short' })

function relative (ms) {
  const seconds = Math.round(ms / 1000)
  const [size, unit] = SPANS.find(([size]) => Math.abs(seconds) >= size) ?? [1, 'second']
  return (unit === 'second' ? now : others).format(Math.trunc(seconds / size), unit)
}

function showTimes () {
  for (const time of document.querySelectorAll('time[datetime]')) {
    const text = relative(Date.parse(time.dateTime) - Date.now())
    if (time.textContent !== text) time.textContent = text
  }
}

// Asks before what destroys.

const dialog = document.createElement('dialog')
document.body.append(dialog)

function ask (question) {
  const text = document.createElement('p')
  text.textContent = question
  const menu = document.createElement('menu')
  const [no, yes] = ['Keep', 'Go on'].map((label, i) => {
    const button = document.createElement('button')
    button.textContent = label
    button.addEventListener('click', () => dialog.close(i === 1 ? 'yes' : 'no'))
    menu.append(button)
    return button
  })
  yes.className = 'danger'
  dialog.setAttribute('aria-label', question)
  dialog.replaceChildren(text, menu)
  dialog.returnValue = ''
  dialog.showModal()
  no.focus()
  return new Promise(resolve => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true })
  })
}

function add (form, name, value) {
  const input = Object.assign(document.createElement('input'), { type: 'hidden', name, value })
  form.append(input)
  return input
}

document.addEventListener('submit', async event => {
  const { target: form, submitter } = event
  const question = submitter?.dataset.question ?? form.dataset.question
  if (!question) return
  event.preventDefault()
  if (!await ask(question)) return
  const added = submitter?.name ? [add(form, submitter.name, submitter.value)] : []
  added.push(add(form, 'sure', 'yes'))
  form.submit()
  for (const input of added) input.remove() // if this page stays, or is come back to: the next answer is another
})

// Chooses rows: all, or from one to another with shift.

let lastChosen = null
const boxes = () => [...main.querySelectorAll('input[name=task]')]

main.addEventListener('click', event => {
  const box = event.target
  if (box.matches?.('[data-all]')) {
    for (const one of boxes()) one.checked = box.checked
  } else if (box.matches?.('input[name=task]')) {
    const all = boxes()
    if (event.shiftKey && lastChosen?.isConnected) {
      const [from, to] = [all.indexOf(lastChosen), all.indexOf(box)].sort((one, other) => one - other)
      for (const one of all.slice(from, to + 1)) one.checked = box.checked
    }
    lastChosen = box
  }
})

// Reads the page again, unless somebody is in the middle of something.

let etag = null
let timer
let current
const live = document.getElementById('live')

const isBusy = () => !isLive || document.hidden || dialog.open || main.querySelector('input[name=task]:checked') ||
  main.querySelector('input:focus, select:focus') || String(getSelection()) !== ''

function report (text) {
  stale.hidden = text === ''
  if (stale.textContent !== text) stale.textContent = text
}

// What takes the focus, or scrolls.
const PLACES = 'a, button, summary, [tabindex]'

/** The same in the page before and after, whatever rows have come or gone. */
const nameOf = element => [
  element.tagName, element.getAttribute('href'), element.getAttribute('aria-label'), element.closest('details')?.id,
  element.form && \`\${element.form.action} \${new URLSearchParams(new FormData(element.form))} \${element.value}\`
].join(' ')

const namesakes = name => [...main.querySelectorAll(PLACES)].filter(element => nameOf(element) === name)

/** Returns how to find the element once the page has been replaced. */
function finderOf (element) {
  const name = nameOf(element)
  const at = namesakes(name).indexOf(element)
  return () => namesakes(name)[at]
}

/** Returns what brings the focus and the scrolled parts back. What is gone leaves the focus to the page. */
function keepPlaces () {
  const { activeElement } = document
  const focused = main.contains(activeElement) && activeElement.matches(PLACES) && finderOf(activeElement)
  const scrolled = [...main.querySelectorAll(PLACES)].filter(({ scrollLeft, scrollTop }) => scrollLeft || scrollTop)
    .map(element => ({ find: finderOf(element), left: element.scrollLeft, top: element.scrollTop }))
  return () => {
    if (focused) (focused() ?? main).focus({ preventScroll: true })
    for (const { find, left, top } of scrolled) find()?.scrollTo(left, top)
  }
}

function swap (text) {
  const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main[data-live]')
  if (!fresh) return false
  const putBack = keepPlaces()
  for (const details of main.querySelectorAll('details[id]')) {
    const twin = fresh.querySelector(\`#\${CSS.escape(details.id)}\`)
    if (twin) twin.open = details.open
  }
  fresh.querySelector('.note')?.remove()
  const note = main.querySelector('.note')
  main.replaceChildren(...(note?.querySelector('form') ? [note] : []), ...fresh.childNodes)
  putBack()
  showTimes()
  return true
}

async function refresh () {
  if (isBusy()) return
  try {
    const headers = etag ? { 'if-none-match': etag } : {}
    const reply = await fetch(location.href, { headers, cache: 'no-store' })
    if (reply.status === 304) return report('')
    const text = await reply.text()
    if (isBusy()) return
    if (!reply.ok) return report(\`This page is out of date: the server answered \${reply.status}. It is asked again.\`)
    if (!swap(text)) return report('This page is out of date: the server sent another one. Load it again.')
    etag = reply.headers.get('etag')
    report('')
  } catch {
    report('This page is out of date: the server does not answer. It is asked again.')
  }
}

function schedule () {
  clearTimeout(timer)
  const ms = INTERVALS[current]
  if (ms) timer = setTimeout(() => refresh().finally(schedule), ms)
}

// The browser may block it, or have no room: then the choice is not kept.
function store (use) {
  try {
    return use(localStorage)
  } catch {
    return null
  }
}

function choose (name) {
  current = name
  store(storage => storage.setItem('fastify-tasks.live', name))
  schedule()
}

function offer () {
  const label = document.createElement('label')
  const select = document.createElement('select')
  for (const name of Object.keys(INTERVALS)) select.append(new Option(name, name))
  const kept = store(storage => storage.getItem('fastify-tasks.live'))
  current = Object.hasOwn(INTERVALS, kept ?? '') ? kept : '5 s'
  select.value = current
  select.addEventListener('change', () => choose(select.value))
  label.append('Live: ', select)
  live.append(label)
  schedule()
}

document.addEventListener('visibilitychange', () => { if (!document.hidden && INTERVALS[current]) void refresh() })

// Keys.

const KEYS = 'Keys:  /  find a task,  r  read again,  ?  this help,  g and then o q t w n s f  a page'
let isGoing = false

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return
  if (event.target.matches('input, select, textarea')) return
  const { key } = event
  const target = isGoing && document.querySelector(\`header a[data-key="\${CSS.escape(key)}"]\`)
  isGoing = key === 'g'
  if (target) location.assign(target.href)
  else if (key === '/') document.getElementById('q').focus()
  else if (key === 'r') void refresh()
  else if (key === '?') report(stale.hidden ? KEYS : '')
  else return
  event.preventDefault()
})

if (/[?&]did=/.test(location.search)) {
  const query = new URLSearchParams(location.search)
  for (const name of ['did', 'ok', 'no']) query.delete(name)
  history.replaceState(null, '', \`\${location.pathname}\${query.size > 0 ? \`?\${query}\` : ''}\`)
}
showTimes()
setInterval(showTimes, 1000)
if (isLive) offer()
`
}
