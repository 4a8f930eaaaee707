/**
 * Area: long, hostile texts in every place where somebody else chooses a text: headers, URLs, ids, names, cursors,
 * errors, options, what the command prints. Each is read in a time in proportion to its length. Measured is the CPU of
 * this process, which other load on the machine does not change: 64 KiB that take the square of their length take
 * seconds.
 */
import fc from 'fast-check'
import { describeName, describeValue, hideCredentials } from '../lib/describe.ts'
import { cleanMessage, oneLine, toJsonLine } from '../lib/cli/text.ts'
import { traceparentOf, tracestateOf } from '../lib/records/origin.ts'
import { decode } from '../lib/records/task-record.ts'
import { decodeProgress } from '../lib/records/progress.ts'
import { toFailure } from '../lib/records/failure.ts'
import { check, outcomeOf } from './checks.ts'
import { openApp, type OpenApp } from './app.ts'
import { property, type MakeArea } from './area.ts'

const LENGTH = 65_536
const MAX_CPU_MS = 300

/** Texts of which parts of expressions, separators and quotes are made. */
const units = [
  ' ', '\t', '\n', '\r\n', 'a', '0', '-', '--', ',', ', ', ';', '=', '"', '\\', '\\"', '\'', '/', '//', ':', '@', '*',
  '%', '%2', '%25', '.', '..', '(', '[', '{', '{"a":', '[[', 'W/', 'W/"', '"a",', 'wait', 'wait ', 'wait=', ',wait',
  'redis:', 'rediss://', 'a@', '//a:', 'a=b,', 'a =', 'text/event-stream', '*/*,', ';q=0.', '\u200b', '\u061c', 'é',
  '\ud83d\ude00', '\ud800', '__proto__', '{"', '0 ', '* ', '*/', '1-', ',1', 'L', '#', '?', 'Mon,', '\u001b[31m'
]

interface LongText { start: string, unit: string[], end: string }

const part = fc.constantFrom('', ...units)
const longText: fc.Arbitrary<LongText> = fc.record({
  start: fc.oneof(part, fc.constantFrom('00-', 'redis://', '{"data":{"name":"', '"', 'wait=', '* * * * ', 'W/"', 'q')),
  unit: fc.array(fc.constantFrom(...units), { minLength: 1, maxLength: 3 }),
  end: fc.oneof(part, fc.constantFrom('!', '"', '}', '@host', 'b'))
})

export const textOf = ({ start, unit, end }: LongText): string => {
  const repeated = unit.join('')
  return start + repeated.repeat(Math.ceil(LENGTH / repeated.length)) + end
}

/** Halves of characters cannot be in a URL. */
const inUrl = (text: string): string => encodeURIComponent(text.replace(/\p{Cs}/gu, '?'))

const HEADERS = [
  'accept', 'prefer', 'if-none-match', 'last-event-id', 'traceparent', 'tracestate', 'request-id', 'authorization',
  'x-forwarded-for', 'cookie', 'origin', 'range'
]

/** Functions of a text alone. */
const functions: Record<string, (text: string) => unknown> = {
  hideCredentials,
  describeName,
  describeValue,
  cleanMessage,
  oneLine,
  toJsonLine,
  traceparentOf,
  tracestateOf,
  decodeProgress,
  'decode a record': decode,
  'an error': text => toFailure(Object.assign(new Error(text), { stack: text, name: text, code: text })),
  'a thrown text': toFailure
}

export const longTexts: MakeArea = url => {
  let opened: OpenApp
  let id: string

  const start = async (): Promise<void> => {
    opened = await openApp(url, { queues: ['mail'], routes: { cancel: true } } as any, app => {
      app.tasks.define('rests')
    })
    id = (await opened.app.tasks.enqueue('rests')).id
  }

  /** Calls that a text reaches by the API or over HTTP. */
  const calls = (text: string): Record<string, () => Promise<unknown>> => {
    const { app } = opened
    const tasks: any = app.tasks
    const shapes = { cron: text, timeZone: text, id: text }
    return {
      ...Object.fromEntries(HEADERS.map(name => [`the header ${name}`, () => app.inject({
        url: `/tasks/${id}`, headers: { [name]: text }
      })])),
      'an id in a URL': () => app.inject(`/tasks/${inUrl(text)}`),
      'a queue in a URL': () => app.inject(`/tasks/${id}?queue=${inUrl(text)}`),
      'a body': () => app.inject({ method: 'DELETE', url: `/tasks/${id}x`, payload: text }),
      status: () => tasks.status(text),
      cancel: () => tasks.cancel(text),
      'a queue': () => tasks.status('x', { queue: text }),
      'an option': () => tasks.status('x', { [text]: 1 }),
      'a cursor': () => tasks.list({ state: 'waiting', cursor: text }),
      'a name of a list': () => tasks.list({ state: 'waiting', name: text }),
      'an error code': () => tasks.count({ state: 'failed', code: text }),
      'a name': () => tasks.enqueue(text),
      'an own id': () => tasks.enqueue('rests', null, { id: text }),
      'a pause': () => tasks.pause({ name: text }),
      ...Object.fromEntries(Object.entries(shapes).map(([field, value]) => [`${field} of a schedule`, () =>
        tasks.schedules.set('fuzz', { task: 'rests', cron: '0 0 1 1 *', [field]: value })]))
    }
  }

  const measured = async (place: string, text: string, call: () => unknown): Promise<void> => {
    const before = process.cpuUsage()
    await outcomeOf(async () => call())
    const { user, system } = process.cpuUsage(before)
    const ms = (user + system) / 1_000
    check(ms <= MAX_CPU_MS, `${place} takes ${Math.round(ms)} ms of CPU`, text.slice(0, 60), text.slice(-20))
  }

  return {
    name: 'long texts',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'each is read in linear time',
        weight: 12,
        batch: Object.keys(functions).length + 30,
        arbitrary: longText,
        async attempt (input: LongText) {
          const text = textOf(input)
          const places = [...Object.entries(calls(text)), ...Object.entries(functions).map(([name, read]) =>
            [name, () => read(text)] as const)]
          for (const [place, call] of places) await measured(place, text, call)
          return places.length
        }
      })
    ]
  }
}
