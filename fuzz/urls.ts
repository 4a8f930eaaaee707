/**
 * Area: URLs. Ids of all kinds, in queues that share some of them, are asked for by addresses that are written in many
 * ways. A plain reader of the address says which task is meant, if any: no answer may show another one.
 */
import fc from 'fast-check'
import dashboard from '../lib/dashboard.ts'
import { openApp, type OpenApp } from './app.ts'
import { check } from './checks.ts'
import { oneByOne, property, type MakeArea } from './area.ts'
import { listen, type Answer, type Send } from './send.ts'

const QUEUES = ['default', 'a', 'a-b'] as const
/** As our producers and others choose them. */
const IDS = [
  'x', 'X', 'x ', 'x?queue=a', 'x&queue=a', 'x#y', 'invoice:7', ':'.repeat(100), 'user/42', 'x/events', '../x',
  'events', '%2F', '%', '%78', '%2578', '\u00e9', 'e\u0301', '\u{1f600}', '\ud7ff', '__proto__', 'constructor', '1',
  '01', 'x,y', 'x;y', '{a}', '*', ':id', '"><script>x', 'x\u0000', 'x\n', 'x\u202ey'
]
/** Fastify's default. */
const MAX_PARAMETER = 100
/** In one queue only, and not to be seen. */
const HIDDEN = ['not-for-you', 'not/for/you']

type Writing = 'plain' | 'escaped' | 'lower' | 'twice' | 'as the browser'
const WRITINGS: Writing[] = ['plain', 'escaped', 'lower', 'twice', 'as the browser']

/** All bytes as %XX. */
const escaped = (text: string): string =>
  Array.from(Buffer.from(text), byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')

function written (text: string, writing: Writing): string {
  if (writing === 'escaped') return escaped(text)
  if (writing === 'lower') return escaped(text).toLowerCase()
  if (writing === 'twice') return encodeURIComponent(encodeURIComponent(text))
  if (writing === 'as the browser') return encodeURIComponent(text)
  return /^[\w.:~,;*{}&-]+$/.test(text) ? text : encodeURIComponent(text)
}

/** A name of a parameter that is `queue`, and others that are not. */
const names = [
  'queue', 'queue', 'queue', '%71ueue', 'Queue', 'queue[]', 'queue[a]', 'queues', '__proto__', 'id', 'after', ''
]
const values = [
  ...QUEUES, 'a%2Db', 'A', 'a%20', '', '%00', '__proto__', '*', 'default,a', 'x'.repeat(2_000), '%ff',
  '%E0%A4', '-1', '1e9'
]
const starts = [
  ...new Array<string>(4).fill('/tasks/'), '/tasks//', '/tasks/./', '/TASKS/', '/tasks%2F', '/%74asks/'
]
/** Some are in no queue. */
const anyId = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...IDS) },
  fc.constantFrom(...HIDDEN, 'y', 'z'.repeat(101), '..')
)

interface Url {
  id: string
  writing: Writing
  start: string
  suffix: '' | '/' | '/logs' | '/events' | '/x' | '?'
  parameters: Array<[name: string, value: string]>
}

const url: fc.Arbitrary<Url> = fc.record({
  id: anyId,
  writing: fc.constantFrom(...WRITINGS),
  start: fc.constantFrom(...starts),
  suffix: fc.constantFrom('', '', '', '/', '/logs', '/events', '/x', '?'),
  parameters: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)), { maxLength: 3 })
}) as fc.Arbitrary<Url>

const PAGES = [
  '', 'queues', 'queues/', 'tasks', 'tasks/', 'workers', 'names', 'schedules', 'flows', 'assets/x/page.js'
]
const ACTIONS = ['tasks', 'matching', 'purge', 'queue', 'name', 'schedule', 'constructor', '__proto__', 'x', '']
const DEEDS = ['retry', 'cancel', 'remove', 'promote', 'pause', 'resume', 'trigger', '', 'constructor', '__proto__']
const fields = [
  'state', 'queue', 'name', 'tag', 'from', 'to', 'q', 'cursor', 'did', 'ok', 'no', 'more', 'of', '__proto__', 'x[y]'
]
const texts = [
  ...IDS, ...QUEUES, 'failed', 'waiting', 'delayed', '0', '-1', 'NaN', '2026-01-01T00:00', '9999-99-99T99:99',
  '+275760-09-13T00:00', 'waiting~', 'waiting~x', '~', '\u0000', '\ud800', 'a'.repeat(5_000),
  '"><script>alert(1)</script>'
]

interface PageUrl { page: string, segment: string, writing: Writing, fields: Array<[string, string]> }

const pageUrl: fc.Arbitrary<PageUrl> = fc.record({
  page: fc.constantFrom(...PAGES),
  segment: fc.constantFrom(...IDS, ...QUEUES, ''),
  writing: fc.constantFrom(...WRITINGS),
  fields: fc.array(fc.tuple(fc.constantFrom(...fields), fc.constantFrom(...texts)), { maxLength: 4 })
}) as fc.Arbitrary<PageUrl>

/** Of forms: a task, and where it goes back to. */
const chosenTask = fc.tuple(fc.constantFrom(...QUEUES, 'none', ''), fc.constantFrom(...IDS)).map(pair => pair.join(' '))
const places = ['//evil', 'https://evil', '/\\evil', 'tasks?x=..']

interface Form { action: string, fields: Array<[string, string]>, hasType: boolean }

const form: fc.Arbitrary<Form> = fc.record({
  action: fc.constantFrom(...ACTIONS),
  fields: fc.tuple(
    fc.constantFrom(...DEEDS).map((deed): Array<[string, string]> => [['do', deed]]),
    fc.constantFrom<Array<[string, string]>>([], [['sure', 'yes']]),
    fc.array(fc.oneof(
      fc.tuple(fc.constant('task'), chosenTask),
      fc.tuple(fc.constantFrom(...fields, 'id', 'back'), fc.constantFrom(...texts, ...places))
    ), { maxLength: 5 })
  ).map(parts => parts.flat() as Array<[string, string]>),
  hasType: fc.constantFrom(true, true, true, true, false)
})

export const urls: MakeArea = redisUrl => {
  let opened: OpenApp
  let send: Send
  /** The queues that hold an id. */
  const holders = new Map<string, string[]>()

  const start = async (): Promise<void> => {
    const options = { queues: [...QUEUES] }
    opened = await openApp(redisUrl, options as any, app => {
      app.tasks.define('rests', { expose: ['data'] })
      app.tasks.define('hides', { authorize: () => false })
      app.register(dashboard, { prefix: '/admin', access: 'anyone-may-operate' })
    })
    send = await listen(opened.app)
    holders.clear()
    for (const [i, id] of IDS.entries()) holders.set(id, QUEUES.filter((_queue, bit) => ((i % 7) + 1) >> bit & 1))
    for (const id of HIDDEN) holders.set(id, ['default'])
    await fill()
  }

  /** As a plain Bee-Queue producer: it takes every id. */
  const fill = async (): Promise<void> => {
    const pipeline = opened.redis.pipeline()
    for (const [id, queues] of holders) {
      const name = HIDDEN.includes(id) ? 'hides' : 'rests'
      for (const queue of queues) {
        const data = { name, data: `${id} in ${queue}` }
        const record = JSON.stringify({ data, options: { timestamp: Date.now() }, status: 'created' })
        pipeline.hset(opened.key('jobs', queue), id, record)
        pipeline.lpush(opened.key('waiting', queue), id)
      }
    }
    await pipeline.exec()
  }

  const pathOf = ({ id, writing, start, suffix, parameters }: Url): string => {
    const query = parameters.map(pair => pair.join('=')).join('&')
    return `${start}${written(id, writing)}${suffix}${query && (suffix === '?' ? query : `?${query}`)}`
  }

  /** The queue that the address names: undefined if it names none, null if it names several, or one that is none. */
  const queueIn = ({ parameters }: Url): string | null | undefined => {
    const given = parameters.filter(([name]) => decodeURIComponent(name) === 'queue').map(([, value]) => value)
    if (given.length === 0) return undefined
    const queue = given[0]!.replace('%2D', '-')
    return given.length === 1 && (QUEUES as readonly string[]).includes(queue) ? queue : null
  }

  /** What is meant: the task, none, or one of several. */
  const meant = (one: Url): { status: number, id: string, queue?: string } => {
    const { id, writing, start, suffix } = one
    const read = writing === 'twice' ? encodeURIComponent(id) : id
    const isPlain = !(writing === 'plain' || writing === 'as the browser') || !/^\.\.?$/.test(id)
    const isRoute = isPlain && (start === '/tasks/' || start === '/%74asks/') && suffix !== '/' && suffix !== '/x'
    const queue = queueIn(one)
    const found = (holders.get(read) ?? []).filter(holder => queue === undefined || queue === holder)
    const visible = isRoute && !HIDDEN.includes(read) && read.length <= MAX_PARAMETER ? found : []
    if (visible.length === 0) return { status: 404, id: read }
    return visible.length > 1 ? { status: 409, id: read } : { status: 200, id: read, queue: visible[0]! }
  }

  const run = async (one: Url): Promise<void> => {
    const expected = meant(one)
    const path = pathOf(one)
    // The stream of a task that has not ended does not end.
    if (one.suffix === '/events' && expected.status === 200) return
    const { status, body } = await send('GET', path)
    if (status === 414) return check(expected.id.length > MAX_PARAMETER, 'refused for its length', path)
    check(status === expected.status, `${path.slice(0, 300)}: status ${status}, not ${expected.status}`, body)
    check(!body.includes('for you in') && !body.includes('for-you in'), 'a hidden task is shown', path, body)
    if (status !== 200 || one.suffix === '/logs') return
    const record = JSON.parse(body)
    const { id, queue } = expected
    check(record.id === id && record.queue === queue, 'another task', path, record.id, record.queue)
    check(record.data === `${id} in ${queue}`, 'the record of another task', path, record.data)
  }

  const checkPage = (path: string, { status, body, headers }: Answer): void => {
    check(status < 500, `${path.slice(0, 300)}: status ${status}`, body)
    check(!body.includes('<script>'), 'text is not escaped', path)
    // eslint-disable-next-line no-control-regex
    check(!/[\u0000-\u0008\u202a-\u202e]/.test(body), 'characters that cannot be seen', path)
    const { location } = headers
    if (!location) return
    const target = new URL(location, `http://here${path.split('?')[0]}`)
    check(target.host === 'here' && target.pathname.startsWith('/admin'), 'it leads away', path, location)
  }

  const look = async ({ page, segment, writing, fields }: PageUrl): Promise<void> => {
    const query = new URLSearchParams(fields).toString()
    const tail = page.endsWith('/') ? written(segment, writing) : ''
    const path = `/admin/${page}${tail}?${query}`
    checkPage(path, await send('GET', path))
  }

  /** Without a type: without a body too, as no form of the page is. */
  const act = async ({ action, fields, hasType }: Form): Promise<void> => {
    const type: Array<[string, string]> = hasType ? [['content-type', 'application/x-www-form-urlencoded']] : []
    const path = `/admin/actions/${action}`
    checkPage(path, await send('POST', path, type, hasType ? new URLSearchParams(fields).toString() : ''))
  }

  return {
    name: 'urls',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'which task is meant',
        weight: 8,
        batch: 10,
        arbitrary: fc.array(url, { minLength: 1, maxLength: 20, size: 'max' }),
        attempt: oneByOne(run)
      }),
      property({
        name: 'pages of the dashboard',
        weight: 3,
        batch: 5,
        arbitrary: fc.array(pageUrl, { minLength: 1, maxLength: 10, size: 'max' }),
        attempt: oneByOne(look)
      }),
      property({
        name: 'forms of the dashboard',
        weight: 3,
        batch: 5,
        arbitrary: fc.array(form, { minLength: 1, maxLength: 10, size: 'max' }),
        attempt: oneByOne(act, async () => {
          await opened.clear()
          await fill()
        })
      })
    ]
  }
}
