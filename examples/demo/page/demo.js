// Starts tasks, and follows each at the address that the 202 gives in its Location header.
/* global document, sessionStorage */

const words = {
  waiting: 'waiting for a worker',
  delayed: 'scheduled',
  active: 'running',
  retrying: 'waiting for another attempt',
  succeeded: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
  gone: 'gone: its record has expired'
}
const finalStates = ['succeeded', 'failed', 'cancelled', 'expired', 'gone']
const inboxEvery = 1_000

const find = id => document.getElementById(id)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// The server keeps the tasks; the page only remembers which ones are its own, so that they survive a reload.
const remembered = JSON.parse(sessionStorage.getItem('tasks') ?? '[]')
let batches = remembered.filter(task => task.list === 'batches').length
let shownInbox = ''

async function start (list, title, path, body) {
  try {
    const response = await post(path, body)
    const task = { list, title, location: response.headers.get('location') }
    remembered.push(task)
    sessionStorage.setItem('tasks', JSON.stringify(remembered))
    complain('')
    follow(task, await response.json())
  } catch (error) {
    complain(`That was not enqueued: ${error.message}`)
  }
}

async function post (path, body) {
  const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(path, { method: 'POST', ...json })
  if (response.status !== 202) throw new Error((await response.json()).message)
  return response
}

/** Shows a task until its end. */
async function follow ({ list, title, location }, record = { state: 'waiting' }) {
  const card = addCard(list, title, location)
  show(card, record)
  while (!finalStates.includes(record.state)) {
    const { now, pause } = await ask(location, record)
    if (now.state !== record.state) tell(`${title}: ${words[now.state]}`)
    show(card, record = now)
    await sleep(pause)
  }
}

/** The task's record now, and how long to pause: Retry-After says whole seconds, a bar wants to move more often. */
async function ask (location, before) {
  try {
    const response = await fetch(location)
    const pause = Math.min(2_000, 500 * Number(response.headers.get('retry-after') ?? 1))
    if (response.ok) return { now: await response.json(), pause }
    return { now: response.status === 404 ? { ...before, state: 'gone' } : before, pause: 2_000 }
  } catch {
    return { now: before, pause: 2_000 } // the server does not answer; the task goes on
  }
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

function show (card, { state, stage, progress, attempt, result, error }) {
  const part = state === 'succeeded' ? 1 : (progress?.current ?? 0) / (progress?.total ?? 1)
  card.dataset.state = state
  card.querySelector('.state').textContent = words[state] + (attempt > 1 ? `, attempt ${attempt}` : '')
  card.querySelector('progress').value = part
  card.querySelector('.percent').textContent = progress ? `${Math.round(part * 100)} %` : ''
  card.querySelector('.stage').textContent = stage ?? ''
  const end = error ? `${error.name}: ${error.message}` : result ? resultText(result) : ''
  card.querySelector('.result').textContent = end
  card.querySelector('.result').hidden = !end
}

const resultText = result => result.sentTo ? `Sent to ${result.sentTo}` : `Baked ${result.loaves} loaves`

async function showInbox () {
  const response = await fetch('/inbox').catch(() => null)
  if (response?.status === 404) return // started without a mail server of the demo's
  if (response?.ok) showMails(await response.text())
  setTimeout(showInbox, inboxEvery)
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

function tell (text) {
  find('news').textContent = text
}

function complain (text) {
  find('alert').textContent = text
  find('alert').hidden = !text
}

find('bake').addEventListener('click', () => {
  start('batches', `Batch ${++batches}`, '/longtask')
})

find('mail').addEventListener('submit', event => {
  event.preventDefault()
  const { delay = '0', ...mail } = Object.fromEntries(new FormData(event.target, event.submitter))
  start('mails', mail.subject, '/email', { ...mail, delay: Number(delay) })
})

for (const task of remembered) follow(task)
showInbox()
