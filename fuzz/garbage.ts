/**
 * Garbage as someone may write it into Redis: records, ids, and what stands in the other keys of a queue.
 */
import fc from 'fast-check'
import { depth } from './edge.ts'
import { text } from './values.ts'

/** Bytes, or a text that stands for its own. */
export type Bytes = string | Uint8Array

export const toBuffer = (bytes: Bytes): Buffer => Buffer.from(bytes as string)

const numbers = fc.oneof(
  fc.integer(), fc.double(),
  fc.constantFrom(-1, 0, -0, 1, 0.5, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 8.64e15, 8.64e15 + 1, 9e15, 1e18, 1e21, 1e300, 5e-324, -(2 ** 63))
)

const trickyObjects: unknown[] = [
  { toString: 1 }, { toString: 1, valueOf: 1 }, { toJSON: 1 }, { length: -1 }, { then: 1 }, { code: {} }, { a: { constructor: { prototype: { polluted: 1 } } } },
  [[[[]]]], [{ toString: null, valueOf: null }], {}, []
]

/** Any JSON, as a value. */
const json = fc.oneof(
  { weight: 3, arbitrary: numbers },
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false) },
  { weight: 2, arbitrary: fc.constantFrom(...trickyObjects) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(20_000), new Array(500).fill('stack')) }
)

/** Mostly right, so that one wrong field is met by code that trusts the others. */
const mostly = (right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 3, arbitrary: right }, { weight: 2, arbitrary: json })

/** A few attempts: what fails again and again is no garbage. */
const some = fc.nat(3)
/** Fixed, so that a seed gives the same inputs on every day. */
const PAST = 1_700_000_000_000
const FUTURE = 4_000_000_000_000
const now = fc.constant(PAST)
const backoff = fc.record({ strategy: mostly(fc.constantFrom('immediate', 'fixed', 'exponential', 'none', '__proto__')), delay: mostly(fc.constant(60_000)), max: json, jitter: json }, { requiredKeys: [] })

const options = fc.record({
  timestamp: mostly(now),
  retries: mostly(some),
  attempts: mostly(some),
  backoff: mostly(backoff),
  timeout: mostly(fc.nat(1_000)),
  expires: mostly(fc.constant(FUTURE)),
  ttl: mostly(fc.constantFrom(0, 60_000)),
  delay: json,
  stacktraces: mostly(fc.array(json, { maxLength: 7 })),
  reqId: json,
  traceparent: json,
  tracestate: json,
  foreign: json,
  nonce: json
}, { requiredKeys: [] })

const error = fc.record({ name: mostly(fc.constant('Error')), message: mostly(fc.constant('broken')), code: mostly(fc.constantFrom(null, 'E')), stack: json }, { requiredKeys: [] })

const statuses = ['created', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']

/** A record of a task, with some fields wrong. `name` is in it mostly. */
const shaped = (names: string[]): fc.Arbitrary<unknown> => fc.record({
  data: mostly(fc.record({ name: mostly(fc.constantFrom(...names)), data: json, more: json }, { requiredKeys: ['name'] })),
  options: mostly(options),
  status: mostly(fc.constantFrom(...statuses)),
  progress: json,
  stage: json,
  attempt: mostly(some),
  startedAt: mostly(now),
  finishedAt: mostly(now),
  result: json,
  error: mostly(error)
}, { requiredKeys: ['data', 'options'] })

/** How a text is spoilt. */
const spoilers: Record<string, (text: string, at: number, noise: string) => string> = {
  'as it is': text => text,
  cut: (text, at) => text.slice(0, at),
  'cut at its start': (text, at) => text.slice(at),
  'with noise': (text, at, noise) => text.slice(0, at) + noise + text.slice(at),
  'without a character': (text, at) => text.slice(0, at) + text.slice(at + 1),
  twice: text => text + text,
  'with a BOM': text => `\ufeff${text}`,
  'with __proto__': text => text.replace('{', '{"__proto__":{"polluted":1,"data":{"name":"works"},"options":{}},'),
  'with an escaped __proto__': text => text.replace('"options":{', '"options":{"\\u005f_proto__":{"polluted":1},'),
  'with a constructor': text => text.replace('"data":{', '"data":{"constructor":{"prototype":{"polluted":1}},')
}

const kinds = Object.keys(spoilers)

/** Texts of records. */
export const record = (names: string[]): fc.Arbitrary<Bytes> => fc.oneof(
  { weight: 40, arbitrary: shaped(names).map(value => JSON.stringify(value)) },
  {
    weight: 15,
    arbitrary: fc.tuple(shaped(names).map(value => JSON.stringify(value)), fc.constantFrom(...kinds), fc.double({ min: 0, max: 1, noNaN: true }), text)
      .map(([whole, kind, at, noise]) => spoilers[kind]!(whole, Math.round(at * whole.length), noise))
  },
  { weight: 4, arbitrary: text },
  { weight: 4, arbitrary: fc.json() },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...names), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([name, bytes]) => brokenText(name, bytes)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...names), fc.constantFrom('data', 'result', 'progress', 'error', 'options'), depth, fc.constantFrom(...statuses)).map(deepRecord) }
)

/** A record whose text is not UTF-8. */
function brokenText (name: string, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`{"data":{"name":"${name}","data":"`), bytes.map(byte => byte | 0x80), Buffer.from('"},"options":{},"status":"created"}')])
}

function deepRecord ([name, place, depth, status]: [string, string, number, string]): string {
  const deep = '['.repeat(depth) + ']'.repeat(depth)
  const [data, option, rest] = [place === 'data' ? `,"data":${deep}` : '', place === 'options' ? `"backoff":{"a":${deep}}` : '', ['data', 'options'].includes(place) ? '' : `,"${place}":${deep}`]
  return `{"data":{"name":"${name}"${data}},"options":{${option}},"status":"${status}"${rest}}`
}

/** Ids: mostly plain ones, so that what is written to several keys meets. */
export const id: fc.Arbitrary<Bytes> = fc.oneof(
  { weight: 12, arbitrary: fc.nat(30).map(n => `g${n}`) },
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom('', '\u0000', '__proto__', 'constructor', 'a b', '../x', '%s', '*', '\n', 'i'.repeat(101), 'i'.repeat(65_536), '\ud83d\ude00') }
)

/** What may stand in the hash of claims, and of progress, and of stalls. */
export const claim = fc.oneof(fc.constantFrom('', ' ', 'token', 'token ', ' 1', 'a 1 2', 'token NaN', 'token 1e400', 'token -1e300', 'token 0x10', `token ${PAST}`, 'token 9e15', 'token -1', `a.1 ${8.64e15 + 1}`), text)
export const progress = fc.oneof(
  fc.constantFrom('', 'null', '7', '"x"', '[]', '{', '{"stage":{}}', '{"stage":7,"progress":1}', '{"__proto__":{"polluted":1}}', '{"stage":"s","progress":{"__proto__":{"polluted":1}}}', `{"progress":${'['.repeat(9_000)}${']'.repeat(9_000)}}`, `{"stage":"${'s'.repeat(50_000)}"}`),
  text, json.map(one => JSON.stringify({ stage: one, progress: one }))
)
export const count = fc.oneof(fc.constantFrom('', 'x', '1', '2', '3', '-5', '1.5', '1e3', '9223372036854775807', '-9223372036854775808', ' 1', 'inf', 'nan', '0x1'), text)
export const score = fc.oneof(fc.constantFrom('-inf', '+inf', '0', '-1', '1e300', '-1e300', '1.5', '9007199254740993', '9223372036854775807', '1e18', String(PAST), String(FUTURE)), fc.integer().map(String))
