// Starts tasks, and follows each task at the address in the Location header of the 202 answer.
/* global document, sessionStorage */

const stateTexts = {
  waiting: 'waiting for a worker',
  delayed: 'scheduled',
  active: 'running',
  retrying: 'waiting for another attempt',
  succeeded: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
  gone: 'removed: its record has expired'
}
const finalStates = ['succeeded', 'failed', 'cancelled', 'expired', 'gone']
const OVEN_INTERVAL_MS = 5_000
const INBOX_INTERVAL_MS = 1_000

const find = id => document.getElementById(id)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// The server stores the tasks. The page remembers only their addresses, so that it finds its tasks after a reload.
const remembered = JSON.parse(sessionStorage.getItem('tasks') ?? '[]')
const countOf = list => remembered.filter(task => task.list === list).length
let batches = countOf('batches')
let reports = countOf('reports')
let shownInbox = ''

async function start (list, title, path, body) {
  try {
    const response = await post(path, body)
    const task = { list, title, location: response.headers.get('location') }
    remembered.push(task)
    sessionStorage.setItem('tasks', JSON.stringify(remembered))
    showError('')
    follow(task, await response.json())
  } catch (error) {
    showError(`The task was not enqueued: ${error.message}`)
  }
}

async function post (path, body) {
  const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(path, { method: 'POST', ...json })
  if (response.status !== 202) throw new Error((await response.json()).message)
  return response
}

/** Shows a task until it is finished. */
async function follow ({ list, title, location }, record = { state: 'waiting' }) {
  const card = addCard(list, title, location)
  render(card, record)
  while (!finalStates.includes(record.state)) {
    const { current, pause } = await readRecord(location, record)
    if (current.state !== record.state) announce(`${title}: ${stateTexts[current.state]}`)
    render(card, record = current)
    if (list === 'reports') await showMembers(card, record)
    await sleep(pause)
  }
}

/** The task's current record, and the ms until the next request: half of Retry-After, so that bars move smoothly. */
async function readRecord (location, before) {
  try {
    const response = await fetch(location)
    const pause = Math.min(2_000, 500 * Number(response.headers.get('retry-after') ?? 1))
    if (response.ok) return { current: await response.json(), pause }
    return { current: response.status === 404 ? { ...before, state: 'gone' } : before, pause: 2_000 }
  } catch {
    return { current: before, pause: 2_000 } // the server is unavailable; the task still exists
  }
}

/** A bar for each member of a flow. */
async function showMembers (card, { id }) {
  const response = id && await fetch(`/report/${id}`).catch(() => null)
  if (!response?.ok) return
  card.querySelector('.members').hidden = false
  card.querySelector('.members').replaceChildren(...(await response.json()).map(memberItem))
}

function memberItem ({ name, state, stage, progress }) {
  const item = document.createElement('li')
  const bar = document.createElement('progress')
  const title = stage ? `${name}: ${stage}` : name
  bar.ariaLabel = `Progress of ${title}`
  bar.value = partOf({ state, progress })
  item.append(`${title}, ${stateTexts[state]}`, bar)
  return item
}

/** From 0 to 1. A flow counts its members. */
function partOf ({ state, progress }) {
  if (state === 'succeeded') return 1
  return (progress?.current ?? progress?.done ?? 0) / (progress?.total ?? 1)
}

function addCard (list, title, location) {
  const card = find('task-card').content.cloneNode(true).firstElementChild
  card.querySelector('h3').textContent = title
  card.querySelector('progress').ariaLabel = `Progress of ${title}`
  card.querySelector('a').href = location
  card.querySelector('a').ariaLabel = `${title}: its status as JSON`
  card.querySelector('progress').hidden = list === 'mails'
  find(list).prepend(card)
  return card
}

function render (card, { state, stage, progress, attempt, result, error }) {
  const part = partOf({ state, progress })
  card.dataset.state = state
  card.querySelector('.state').textContent = stateTexts[state] + (attempt > 1 ? `, attempt ${attempt}` : '')
  card.querySelector('progress').value = part
  card.querySelector('.percent').textContent = progress ? `${Math.round(part * 100)} %` : ''
  card.querySelector('.stage').textContent = stage ?? ''
  const endText = error ? `${error.name}: ${error.message}` : result ? resultText(result) : ''
  card.querySelector('.result').textContent = endText
  card.querySelector('.result').hidden = !endText
}

function resultText ({ sentTo, sold, loaves }) {
  if (sold !== undefined) return `Sold ${sold} loaves`
  return sentTo ? `Sent to ${sentTo}` : `Baked ${loaves} loaves`
}

async function showOven () {
  const response = await fetch('/oven').catch(() => null)
  if (response?.ok) showSchedule(await response.json())
  setTimeout(showOven, OVEN_INTERVAL_MS)
}

function showSchedule ({ next: [next], last }) {
  const time = iso => new Date(iso).toLocaleTimeString()
  find('oven-section').hidden = false
  find('oven-next').textContent = next ? time(next) : '-'
  find('oven-last').textContent = last ? `${time(last.plannedAt)}, ${last.state ?? 'gone'}` : '-'
}

async function showInbox () {
  const response = await fetch('/inbox').catch(() => null)
  if (response?.status === 404) return // the web process was started without INBOX_URL
  if (response?.ok) showMails(await response.text())
  setTimeout(showInbox, INBOX_INTERVAL_MS)
}

function showMails (json) {
  if (json === shownInbox) return
  shownInbox = json
  const mails = JSON.parse(json)
  find('inbox-section').hidden = false
  find('inbox-empty').hidden = mails.length > 0
  find('inbox-count').textContent = mails.length || ''
  find('inbox').replaceChildren(...mails.map(mailCard))
}

function mailCard ({ to, subject, body, receivedAt }) {
  const card = find('mail-card').content.cloneNode(true).firstElementChild
  card.querySelector('h3').textContent = subject
  card.querySelector('time').textContent = new Date(receivedAt).toLocaleTimeString()
  card.querySelector('time').dateTime = receivedAt
  card.querySelector('.address').textContent = `to ${to}`
  card.querySelector('.text').textContent = body
  return card
}

function announce (text) {
  find('news').textContent = text
}

function showError (text) {
  find('alert').textContent = text
  find('alert').hidden = !text
}

find('bake').addEventListener('click', () => {
  start('batches', `Batch ${++batches}`, '/longtask')
})

find('report').addEventListener('click', () => {
  start('reports', `Report ${++reports}`, '/report')
})

find('mail').addEventListener('submit', event => {
  event.preventDefault()
  const { delay = '0', ...mail } = Object.fromEntries(new FormData(event.target, event.submitter))
  start('mails', mail.subject, '/email', { ...mail, delay: Number(delay) })
})

for (const task of remembered) follow(task)
showInbox()
showOven()
