// Makes the page live. Everything works without it.

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
  element.form && `${element.form.action} ${new URLSearchParams(new FormData(element.form))} ${element.value}`
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
    const twin = fresh.querySelector(`#${CSS.escape(details.id)}`)
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
    if (!reply.ok) return report(`This page is out of date: the server answered ${reply.status}. It is asked again.`)
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
  const target = isGoing && document.querySelector(`header a[data-key="${CSS.escape(key)}"]`)
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
  history.replaceState(null, '', `${location.pathname}${query.size > 0 ? `?${query}` : ''}`)
}
showTimes()
setInterval(showTimes, 1000)
if (isLive) offer()
