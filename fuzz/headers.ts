/**
 * Area: headers. Requests whose headers are made of parts with a known meaning, in any order, on several lines, beside
 * an answer that a plain reader of the parts expects: what a client has (If-None-Match, Last-Event-ID), how long it
 * waits (Prefer), what it takes (Accept), and the id that it gives to its request.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { check } from './checks.ts'
import { oneByOne, property, type MakeArea } from './area.ts'
import { listen, type Answer, type Send } from './send.ts'

const TASKS = ['succeeded', 'failed', 'waiting', 'delayed', 'hidden'] as const
type TaskName = typeof TASKS[number]

/** Stands for the ETag of the requested task, without its quotes. */
const OWN = '\ue000'
/** Stands for that of another task. */
const OTHER = '\ue001'

/** Members of a list of tags, and whether one of them means the record. */
const tags: Record<string, boolean> = {
  [`"${OWN}"`]: true,
  [`W/"${OWN}"`]: true,
  [`w/"${OWN}"`]: true,
  [`"${OWN}-gzip"`]: true,
  [`W/"${OWN}--br"`]: true,
  [OWN]: true,
  '*': true,
  [`"${OTHER}"`]: false,
  [`W/"${OTHER}"`]: false,
  [`"${OWN}x"`]: false,
  [`"x${OWN}"`]: false,
  [`"${OWN}-"`]: false,
  [`"${OWN},${OTHER}"`]: false,
  [`"x ${OWN}"`]: false,
  [`W/${OWN}`]: false,
  '""': false,
  'W/""': false,
  '"*"': false,
  '**': false,
  '': false,
  constructor: false,
  '"\u00e9"': false
}

/** Preferences, and the wait that one means, in s. */
const preferences: Record<string, number | null> = {
  'wait=0': 0,
  'wait="0"': 0,
  'WAIT = 0': 0,
  'wait=0; x=y': 0,
  'respond-async': null,
  'return=minimal; foo="bar"': null,
  'xwait=9': null,
  'wait-x=9': null,
  wait: null,
  'wait=': null,
  'wait=-1': null,
  'wait=x': null,
  'wait="': null,
  '': null
}

/** Only for a task that has ended, or a record that the client does not have: they wait. */
const longWaits: Record<string, number> = { 'wait=7': 7, 'wait=60': 60, 'wait=61': 60, 'wait=99999999999': 60 }

const MEDIA = [
  'text/event-stream', '*/*', 'text/*', 'application/json', 'text/html;q=0.9', ',', ';q=', 'a'.repeat(3_000)
]

const lines = <T>(part: fc.Arbitrary<T>): fc.Arbitrary<T[][]> =>
  fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { maxLength: 3 })

const character = fc.integer({ min: 33, max: 255 }).filter(code => code !== 127).map(code => String.fromCharCode(code))
const latin1 = fc.string({ unit: character, maxLength: 400, size: 'max' })

interface Request {
  method: 'GET' | 'HEAD'
  task: TaskName
  route: '' | '/events' | '/logs'
  tags: string[][]
  preferences: string[][]
  lastEventIds: string[]
  media: string[][]
}

const request: fc.Arbitrary<Request> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD'),
  task: fc.constantFrom(...TASKS),
  route: fc.constantFrom('', '', '/events', '/logs'),
  tags: lines(fc.constantFrom(...Object.keys(tags))),
  preferences: lines(fc.constantFrom(...Object.keys(preferences), ...Object.keys(longWaits))),
  lastEventIds: fc.array(fc.constantFrom(OWN, OTHER, `"${OWN}"`, '*', '', '0', `${OWN} ${OWN}`), { maxLength: 2 }),
  media: lines(fc.constantFrom(...MEDIA))
}) as fc.Arbitrary<Request>

export const headers: MakeArea = url => {
  let opened: OpenApp
  let send: Send
  const ids = {} as Record<TaskName, string>
  const etags = {} as Record<TaskName, string>

  const start = async (): Promise<void> => {
    const options = { worker: true, routes: { authorize: (_request: unknown, { name }: any) => name !== 'hides' } }
    opened = await openApp(url, options as any, app => {
      app.tasks.define('works', (_data, task) => task.requestId)
      app.tasks.define('breaks', { retries: 0 }, () => { throw new Error('broken') })
      app.tasks.define('rests', { queue: 'mail' })
      app.tasks.define('hides', { queue: 'mail' })
      app.post('/work', async (_request, reply) => reply.accepted(await app.tasks.enqueue('works')))
    }, { server: { requestIdHeader: 'x-request-id' } })
    send = await listen(opened.app)
    await fill()
  }

  const fill = async (): Promise<void> => {
    const { tasks } = opened.app
    const done = [await tasks.enqueue('works'), await tasks.enqueue('breaks')]
    await Promise.allSettled(done.map(handle => handle.result({ timeout: 10_000 })))
    ids.succeeded = done[0]!.id
    ids.failed = done[1]!.id
    ids.waiting = (await tasks.enqueue('rests')).id
    ids.delayed = (await tasks.enqueue('rests', null, { delay: 3_600_000 })).id
    ids.hidden = (await tasks.enqueue('hides')).id
    for (const task of TASKS) {
      const { headers } = await send('GET', `/tasks/${ids[task]}`)
      etags[task] = String(headers.etag ?? '"none"').slice(1, -1)
    }
  }

  /** The text with the ETags in it. */
  const filled = (text: string, task: TaskName): string =>
    text.replaceAll(OWN, etags[task]).replaceAll(OTHER, etags[task === 'failed' ? 'waiting' : 'failed'])

  const hasEnded = (task: TaskName): boolean => task === 'succeeded' || task === 'failed'

  /** Whether the client says that it has the record. */
  const has = ({ tags: given }: Request): boolean => given.flat().some(tag => tags[tag])

  /** The first wait that is a number. A wait that would be long is left out. */
  const waits = (one: Request): string[][] => hasEnded(one.task)
    ? one.preferences
    : one.preferences.map(line => line.filter(part => !(part in longWaits))).filter(line => line.length > 0)

  const waitOf = (one: Request): number | undefined =>
    waits(one).flat().map(part => longWaits[part] ?? preferences[part]).find(wait => wait !== null)

  const linesOf = (one: Request): Array<[string, string]> => [
    ...one.tags.map((line): [string, string] => ['If-None-Match', filled(line.join(', '), one.task)]),
    ...waits(one).map((line): [string, string] => ['Prefer', line.join(', ')]),
    ...one.lastEventIds.map((line): [string, string] => ['Last-Event-ID', filled(line, one.task)]),
    ...one.media.map((line): [string, string] => ['Accept', line.join(', ')])
  ]

  const checkStatus = (one: Request, { status, headers }: Answer): void => {
    check(status === (has(one) ? 304 : 200), `status ${status}`, one.tags)
    check(headers.etag === `"${etags[one.task]}"`, 'another ETag', headers.etag)
    const wait = waitOf(one)
    const applied = wait === undefined ? undefined : `wait=${wait}`
    check(headers['preference-applied'] === applied, 'another wait', headers['preference-applied'], applied)
  }

  const checkEvents = (one: Request, { status, body }: Answer): void => {
    const isKnown = one.lastEventIds.length === 1 && one.lastEventIds[0] === OWN
    const accepts = one.media.length === 0 || /event-stream|\*\/\*|text\/\*/.test(one.media.flat().join())
    if (status === 406) return check(!accepts, 'refused, though it takes events', one.media)
    check(status === (isKnown ? 204 : 200), `status ${status}`, one.lastEventIds)
    if (status === 200) check(body.split('\ndata: ').length === 2, 'not one event', body)
  }

  const run = async (one: Request): Promise<void> => {
    // HEAD is not there for streams, and the stream of a task that has not ended does not end.
    const isStream = one.route === '/events'
    if (isStream && (one.method === 'HEAD' || !(hasEnded(one.task) || one.task === 'hidden'))) return
    const answer = await send(one.method, `/tasks/${ids[one.task]}${one.route}`, linesOf(one))
    check(answer.status < 500, `status ${answer.status}`, answer.body)
    if (one.task === 'hidden') {
      check(answer.status === 404 || answer.status === 406, 'a hidden task is shown', answer)
      return check(answer.headers.etag === undefined, 'the ETag of a hidden task')
    }
    if (isStream) return checkEvents(one, answer)
    if (one.route === '') return checkStatus(one, answer)
    check(answer.status === 200, `logs: status ${answer.status}`, answer.body)
  }

  /** Odd bytes, and several lines, which Node joins. The handler gets the id, and it is bounded. */
  const runWithId = async (given: string[]): Promise<void> => {
    const answer = await send('POST', '/work', given.map(line => ['X-Request-Id', line]))
    check(answer.status === 202, `status ${answer.status}`, answer.body)
    const handle = (await opened.app.tasks.handle(JSON.parse(answer.body).id))!
    const seen = await handle.result({ timeout: 10_000 })
    const sent = given.join(', ')
    check(sent === '' ? typeof seen === 'string' : seen === sent.slice(0, 256), 'another request id', seen, sent)
  }

  return {
    name: 'headers',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'what a client has, waits for and takes',
        weight: 8,
        batch: 10,
        arbitrary: fc.array(request, { minLength: 1, maxLength: 20, size: 'max' }),
        attempt: oneByOne(run)
      }),
      property({
        name: 'request ids',
        weight: 1,
        batch: 3,
        arbitrary: fc.array(fc.array(latin1, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        async attempt (batch: string[][]) {
          const before = opened.log.bytes
          await Promise.all(batch.map(runWithId))
          const bytes = opened.log.bytes - before
          check(bytes <= batch.length * 3_000 + 12 * batch.flat().join().length, 'too many bytes in the log', bytes)
          return batch.length
        }
      })
    ]
  }
}
