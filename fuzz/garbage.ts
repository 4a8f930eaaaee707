/**
 * Garbage that anyone with access to Redis may write: records, ids, and values of a queue's other keys.
 */
import fc from 'fast-check'
import { depth } from './nesting.ts'
import { text } from './values.ts'

/** Bytes, or a text for its UTF-8 bytes. */
export type Bytes = string | Uint8Array

export const toBuffer = (bytes: Bytes): Buffer => Buffer.from(bytes as string)

const numbers = fc.oneof(
  fc.integer(), fc.double(),
  fc.constantFrom(
    -1, 0, -0, 1, 0.5, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 8.64e15, 8.64e15 + 1, 9e15, 1e18, 1e21,
    1e300, 5e-324, -(2 ** 63)
  )
)

const trickyObjects: unknown[] = [
  { toString: 1 },
  { toString: 1, valueOf: 1 },
  { toJSON: 1 },
  { length: -1 },
  { then: 1 },
  { code: {} },
  { a: { constructor: { prototype: { polluted: 1 } } } },
  [[[[]]]],
  [{ toString: null, valueOf: null }],
  {},
  []
]

/** The value of any JSON. */
const json = fc.oneof(
  { weight: 3, arbitrary: numbers },
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false) },
  { weight: 2, arbitrary: fc.constantFrom(...trickyObjects) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(20_000), new Array(500).fill('stack')) }
)

/** Mostly a valid value, so that a single invalid field reaches the code that reads it. */
const mostly = (valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 3, arbitrary: valid }, { weight: 2, arbitrary: json })

/** A few attempts, so that a task does not fail over and over. */
const smallNumber = fc.nat(3)
/** Constant, so that a seed gives the same inputs every day. */
const PAST = 1_700_000_000_000
const FUTURE = 4_000_000_000_000
const past = fc.constant(PAST)
const backoff = fc.record({
  strategy: mostly(fc.constantFrom('immediate', 'fixed', 'exponential', 'none', '__proto__')),
  delay: mostly(fc.constant(60_000)),
  max: json,
  jitter: json
}, { requiredKeys: [] })

const options = fc.record({
  timestamp: mostly(past),
  retries: mostly(smallNumber),
  attempts: mostly(smallNumber),
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

const error = fc.record({
  name: mostly(fc.constant('Error')),
  message: mostly(fc.constant('broken')),
  code: mostly(fc.constantFrom(null, 'E')),
  stack: json
}, { requiredKeys: [] })

const statuses = ['created', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']

/** The record of a task, with some invalid fields. Its task name is mostly one of `names`. */
const damagedRecord = (names: string[]): fc.Arbitrary<unknown> => fc.record({
  data: mostly(fc.record(
    { name: mostly(fc.constantFrom(...names)), data: json, more: json }, { requiredKeys: ['name'] }
  )),
  options: mostly(options),
  status: mostly(fc.constantFrom(...statuses)),
  progress: json,
  stage: json,
  attempt: mostly(smallNumber),
  startedAt: mostly(past),
  finishedAt: mostly(past),
  result: json,
  error: mostly(error)
}, { requiredKeys: ['data', 'options'] })

/** Ways to damage a text. */
const damages: Record<string, (text: string, at: number, noise: string) => string> = {
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

const damageNames = Object.keys(damages)

const recordJson = (names: string[]): fc.Arbitrary<string> => damagedRecord(names).map(value => JSON.stringify(value))
const fieldNames = ['data', 'result', 'progress', 'error', 'options']

/** The bytes of a record: mostly JSON, mostly of a record with some invalid fields. */
export const record = (names: string[]): fc.Arbitrary<Bytes> => fc.oneof(
  { weight: 40, arbitrary: recordJson(names) },
  {
    weight: 15,
    arbitrary: fc.tuple(
      recordJson(names), fc.constantFrom(...damageNames), fc.double({ min: 0, max: 1, noNaN: true }), text
    ).map(([json, damage, at, noise]) => damages[damage]!(json, Math.round(at * json.length), noise))
  },
  { weight: 4, arbitrary: text },
  { weight: 4, arbitrary: fc.json() },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(...names), fc.uint8Array({ minLength: 1, maxLength: 8 }))
      .map(([name, bytes]) => invalidUtf8(name, bytes))
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...names), fc.constantFrom(...fieldNames), depth, fc.constantFrom(...statuses))
      .map(deepRecord)
  }
)

/** A record that is not valid UTF-8. */
function invalidUtf8 (name: string, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(`{"data":{"name":"${name}","data":"`),
    bytes.map(byte => byte | 0x80),
    Buffer.from('"},"options":{},"status":"created"}')
  ])
}

/** A record with a deeply nested field. */
function deepRecord ([name, field, depth, status]: [string, string, number, string]): string {
  const deep = '['.repeat(depth) + ']'.repeat(depth)
  const data = field === 'data' ? `,"data":${deep}` : ''
  const option = field === 'options' ? `"backoff":{"a":${deep}}` : ''
  const rest = ['data', 'options'].includes(field) ? '' : `,"${field}":${deep}`
  return `{"data":{"name":"${name}"${data}},"options":{${option}},"status":"${status}"${rest}}`
}

/** Ids, mostly of a small set, so that several keys get the same id. */
export const id: fc.Arbitrary<Bytes> = fc.oneof(
  { weight: 12, arbitrary: fc.nat(30).map(n => `g${n}`) },
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 6 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '', '\u0000', '__proto__', 'constructor', 'a b', '../x', '%s', '*', '\n', 'i'.repeat(101), 'i'.repeat(65_536),
      '\ud83d\ude00'
    )
  }
)

/** Values of the hash `claims`. */
export const claim = fc.oneof(
  fc.constantFrom(
    '', ' ', 'token', 'token ', ' 1', 'a 1 2', 'token NaN', 'token 1e400', 'token -1e300', 'token 0x10',
    `token ${PAST}`, 'token 9e15', 'token -1', `a.1 ${8.64e15 + 1}`
  ),
  text
)

/** Values of the hash `progress`. */
export const progress = fc.oneof(
  fc.constantFrom(
    '',
    'null',
    '7',
    '"x"',
    '[]',
    '{',
    '{"stage":{}}',
    '{"stage":7,"progress":1}',
    '{"__proto__":{"polluted":1}}',
    '{"stage":"s","progress":{"__proto__":{"polluted":1}}}',
    `{"progress":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
    `{"stage":"${'s'.repeat(50_000)}"}`
  ),
  text,
  json.map(value => JSON.stringify({ stage: value, progress: value }))
)

/** Values of the hash `stalls`. */
export const count = fc.oneof(
  fc.constantFrom(
    '', 'x', '1', '2', '3', '-5', '1.5', '1e3', '9223372036854775807', '-9223372036854775808', ' 1', 'inf', 'nan', '0x1'
  ),
  text
)

/** Scores of the sorted sets. */
export const score = fc.oneof(
  fc.constantFrom(
    '-inf', '+inf', '0', '-1', '1e300', '-1e300', '1.5', '9007199254740993', '9223372036854775807', '1e18',
    String(PAST), String(FUTURE)
  ),
  fc.integer().map(String)
)
