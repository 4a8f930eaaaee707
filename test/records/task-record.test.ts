/**
 * The codec of records: what goes to Redis, what is taken from there, and what people read.
 */
import t, { type Test } from 'tap'
import { afterRetry } from '../../lib/records/stored-backoff.ts'
import { jsonRoundTrip } from '../../lib/records/task-data.ts'
import {
  attemptsMade, decode, encode, encodeNew, isTerminal, placeholderRecord, resetForRetry, toTaskRecord,
  type LiveState, type StoredTask
} from '../../lib/records/task-record.ts'
import type { TaskRecord } from '../../lib/types.ts'
import { errorOf } from '../support/helpers.ts'

const NOW = Date.UTC(2026, 0, 1)
const ISO = '2026-01-01T00:00:00.000Z'
const MAX = 1_048_576
const own = { timestamp: NOW, stacktraces: [], attempts: 1 }

const encodeData = (data: unknown, max = MAX): string => encodeNew('a', data, own, max)
const carried = (data: unknown): unknown => decode(encodeData(data)).data.data
const text = (parts: Record<string, unknown> = {}): string =>
  JSON.stringify({ data: { name: 'a', data: 1 }, options: own, status: 'created', progress: null, ...parts })
const shown = (record: string | StoredTask, live: LiveState = {}, exposeStack = false): TaskRecord<any, any> =>
  toTaskRecord('id', 'default', typeof record === 'string' ? decode(record) : record, live, exposeStack)
const levels = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

function nested (depth: number): unknown[] {
  let data: unknown[] = []
  for (let i = 1; i < depth; i++) data = [data]
  return data
}

t.test('a new record has the shape of a Bee-Queue job', async (t) => {
  t.strictSame(JSON.parse(encodeData({ x: 1 })), {
    data: { name: 'a', data: { x: 1 } }, options: own, status: 'created', progress: null
  })
  t.strictSame(JSON.parse(encodeData(undefined)).data, { name: 'a' })
})

t.test('a lane is one that we have made: another producer may have written anything', async (t) => {
  for (const lane of ['', ' x', 'x', '\u00a0 x', 5, null, {}, [], ['a b'], { toString: 'a b' }]) {
    t.notOk('lane' in decode(text({ options: { ...own, lane } })).options, JSON.stringify(lane))
  }
  t.equal(decode(text({ options: { ...own, lane: 'a b c' } })).options.lane, 'a b c')
})

t.test('data comes back as it was given', async (t) => {
  for (const data of [null, 0, '', false, true, -1.5, 'é€😀\u2028\u0000', [], {}, [null, { a: [0, ''] }]]) {
    t.strictSame(carried(data), data)
  }
  t.equal(carried(undefined), undefined)
  t.strictSame(carried({ at: new Date(NOW), gone: undefined }), { at: ISO })
  t.strictSame(carried({ constructor: 'Ferrari', prototype: 1 }), { constructor: 'Ferrari', prototype: 1 })
})

t.test('the size of data counts in bytes of JSON', async (t) => {
  for (const [char, bytes] of [['a', 1], ['é', 2], ['€', 3], ['😀', 4], ['\n', 2], ['\ud800', 6]] as const) {
    const size = 2 + 1000 * bytes
    t.doesNotThrow(() => encodeData(char.repeat(1000), size), char)
    const { code, statusCode, message } = await errorOf(() => encodeData(char.repeat(1000), size - 1)) as any
    t.match({ code, statusCode }, { code: 'FST_TASKS_DATA_TOO_LARGE', statusCode: 413 })
    t.match(message, new RegExp(`"a".*${size}.*${size - 1}.*maxDataSize`))
  }
  t.doesNotThrow(() => encodeData(undefined, 1), 'no data has no size')
})

t.test('data that JSON cannot carry', async (t) => {
  const circular: any = {}
  circular.self = circular
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const thrower = (thrown: unknown): object => ({ toJSON () { throw thrown } })
  const table: Record<string, unknown> = {
    bigint: 1n,
    'a nested bigint': { a: [1n] },
    circular,
    function: () => {},
    symbol: Symbol('s'),
    'a toJSON that throws an error': thrower(new Error('no')),
    'a toJSON that throws undefined': thrower(undefined),
    'a toJSON that gives nothing': { toJSON () {} },
    'a getter that throws': { get a () { throw new Error('no') } },
    'a revoked proxy': revoked.proxy,
    '100,000 levels': nested(100_000)
  }
  for (const [what, data] of Object.entries(table)) {
    for (const carry of [encodeData, (data: unknown) => jsonRoundTrip('a', data)]) {
      const { code, statusCode, message } = await errorOf(() => carry(data))
      t.match({ code, statusCode }, { code: 'FST_TASKS_DATA_INVALID', statusCode: 400 }, what)
      t.match(message, /"a"/)
    }
  }
})

t.test('a copy as JSON carries it', async (t) => {
  const data = { at: new Date(NOW), gone: undefined, list: [1] }
  const copy = jsonRoundTrip('a', data) as typeof data
  t.strictSame(copy, { at: ISO, list: [1] })
  t.not(copy.list, data.list)
  t.equal(jsonRoundTrip('a', undefined), undefined)
})

t.test('data of any depth is carried, or refused as such', async (t) => {
  for (const depth of [500, 997, 998, 999, 1_000, 1_001, 2_000, 4_500, 5_000]) {
    try {
      t.equal(JSON.stringify(carried(nested(depth))), levels(depth))
    } catch (error) {
      t.equal((error as any).code, 'FST_TASKS_DATA_INVALID', `${depth} levels: ${error}`)
    }
  }
  t.doesNotThrow(() => carried(nested(500)))
  const brackets = { text: '[{'.repeat(5_000), list: Array.from({ length: 5_000 }, () => [{}]) }
  t.strictSame(carried(brackets), brackets, 'many brackets are no depth')
})

t.test('what is read can be written again', async (t) => {
  for (const depth of [1_000, 4_000, 4_300, 4_600, 4_900, 6_000, 100_000]) {
    const deep = text().replace('"data":1', `"data":${levels(depth)}`)
    try {
      t.match(encode(decode(deep)), levels(depth))
    } catch (error) {
      t.equal((error as any).code, 'FST_TASKS_RECORD_INVALID', `${depth} levels: ${error}`)
    }
  }
})

t.test('garbage is no record', async (t) => {
  const garbage = [
    '', ' ', 'x', '{', 'null', 'true', '1', '"a"', '[]', '{}', '\0', '{"__proto__":null}',
    text().slice(0, -1), `${text()}x`,
    text({ data: null }), text({ data: 'a' }), text({ data: [] }), text({ data: {} }),
    ...['', 5, null, ['a']].map(name => text({ data: { name } })),
    text({ options: undefined }), text({ options: null }), text({ options: 5 }), text({ options: 'x' }),
    '{"data":{"__proto__":{"name":"a"}},"options":{}}'
  ]
  for (const one of garbage) {
    t.match(await errorOf(() => decode(one)), { code: 'FST_TASKS_RECORD_INVALID', message: /{ name, data }/ }, one)
  }
})

t.test('no record reaches a prototype', async (t) => {
  const bad = [
    '"__proto__":{"retries":7,"polluted":1}',
    '"\\u005f_proto__":{"retries":7,"polluted":1}',
    '"constructor":{"prototype":{"polluted":1}}'
  ]
  for (const one of bad) {
    const nested = `{"name":"a","data":{${one},"ok":[{${one}}]},${one}}`
    const { data, options } = decode(`{"data":${nested},"options":{${one}},${one}}`)
    t.strictSame(data, { name: 'a', data: { ok: [{}] } }, one)
    for (const part of [data, data.data, options] as any[]) {
      t.equal(Object.getPrototypeOf(part), Object.prototype)
      t.equal(part.polluted, undefined)
      t.not(part.constructor.polluted, 1)
    }
    t.equal(options.retries, 0)
  }
  t.notOk('polluted' in {})
})

const numbers = [
  '-1', '1.5', '1e999', '-1e999', '9007199254740993', '"5"', 'null', '{}', '[]', 'true', '{"toString":1}'
]

t.test('numbers that are none are taken for left out', async (t) => {
  for (const number of numbers) {
    const hostile = (keys: string[]): string => keys.map(key => `"${key}":${number}`).join()
    const options = hostile(['timestamp', 'retries', 'attempts', 'timeout', 'expires', 'ttl', 'delay'])
    const outcome = hostile(['attempt', 'startedAt', 'finishedAt'])
    const stored = decode(`{"data":{"name":"a"},"options":{${options}},${outcome}}`)
    t.match(stored.options, { timestamp: 0, retries: 0, attempts: 1 }, number)
    t.match(stored.options, { timeout: undefined, expires: undefined, ttl: undefined, delay: undefined }, number)
    t.match(stored, { attempt: undefined, startedAt: undefined, finishedAt: undefined }, number)
    t.equal(attemptsMade(stored), 0)
  }
})

t.test('what should be an object, a list or a word, and is none', async (t) => {
  for (const bad of [null, 5, 'x', true]) {
    const { options } = decode(text({ options: { backoff: bad, stacktraces: bad, reqId: bad === 'x' ? {} : bad } }))
    t.match(options, { backoff: undefined, stacktraces: [], reqId: undefined }, String(bad))
  }
  for (const status of [undefined, null, 5, 'waiting', 'constructor', '__proto__', {}]) {
    t.equal(decode(text({ status })).status, 'created')
  }
})

function looksRight (t: Test, record: TaskRecord<any, any>, what: string): void {
  const times = [record.enqueuedAt, record.startedAt ?? ISO, record.finishedAt ?? ISO]
  for (const time of times) t.ok(typeof time === 'string' && !Number.isNaN(Date.parse(time)), `${what}: time ${time}`)
  t.ok(record.attempts >= 1 && record.attempt >= 0, `${what}: attempt ${record.attempt} of ${record.attempts}`)
  t.ok(record.stage === null || typeof record.stage === 'string', `${what}: stage ${record.stage}`)
  const { name, message, code } = record.error ?? { name: '', message: '', code: null }
  t.ok(
    typeof name === 'string' && typeof message === 'string' && (code === null || typeof code === 'string'),
    `${what}: error ${JSON.stringify(record.error)}`
  )
}

t.test('hostile times and counts are shown as what a record promises', async (t) => {
  for (const number of [...numbers, '0', '9007199254740991']) {
    for (const key of ['timestamp', 'retries', 'attempts']) {
      looksRight(t, shown(text({ options: { [key]: '?' } }).replace('"?"', number)), `${key} ${number}`)
    }
    for (const key of ['attempt', 'startedAt', 'finishedAt']) {
      looksRight(t, shown(text({ [key]: '?' }).replace('"?"', number)), `${key} ${number}`)
    }
  }
})

t.test('a hostile error or stage is shown as what a record promises', async (t) => {
  for (const bad of [5, 'x', true, [], {}, { name: 5, message: {}, code: [] }]) {
    looksRight(t, shown(text({ status: 'failed', error: bad })), JSON.stringify(bad))
  }
  for (const stage of [5, true, {}, []]) looksRight(t, shown(text({ stage })), `stage ${JSON.stringify(stage)}`)
})

t.test('a hostile stack is shown as an error all the same', async (t) => {
  for (const stack of [5, null, {}, [], { toString: null, valueOf: null }]) {
    looksRight(t, shown(text({ options: { stacktraces: [stack] }, status: 'failed' }), {}, true), JSON.stringify(stack))
  }
})

t.test('each state, and the attempt that it is at', async (t) => {
  const retried = { ...own, attempts: 3, retries: 1 }
  const table: Array<[parts: Record<string, unknown>, live: LiveState, expected: Partial<TaskRecord>]> = [
    [{}, {}, { state: 'waiting', attempt: 0, attempts: 1, startedAt: null, finishedAt: null }],
    [{}, {}, { state: 'waiting', progress: null, result: null, error: null }],
    [{}, { delayedTo: NOW }, { state: 'delayed', attempt: 0 }],
    [{}, { claimedAt: NOW }, { state: 'active', attempt: 1, startedAt: ISO }],
    [{}, { held: true }, { state: 'active', attempt: 1, startedAt: null }],
    [{ status: 'retrying', options: retried }, {}, { state: 'retrying', attempt: 1, attempts: 3 }],
    [
      { status: 'retrying', options: retried, startedAt: NOW }, { delayedTo: NOW },
      { state: 'retrying', attempt: 1, startedAt: ISO }
    ],
    [{ status: 'retrying', options: retried }, { claimedAt: NOW }, { state: 'active', attempt: 2 }],
    [
      { status: 'succeeded', attempt: 2, finishedAt: NOW, result: { x: 1 } }, {},
      { state: 'succeeded', attempt: 2, finishedAt: ISO, result: { x: 1 } }
    ],
    [
      { status: 'failed', options: { ...own, attempts: 3, retries: 0 } }, {},
      { state: 'failed', attempt: 3, attempts: 3 }
    ],
    [{ status: 'cancelled' }, {}, { state: 'cancelled', attempt: 0, error: null }],
    [{ status: 'expired' }, {}, { state: 'expired', attempt: 0, error: null }],
    [{ status: 'cancelled' }, { claimedAt: NOW, delayedTo: NOW, held: true }, { state: 'cancelled' }]
  ]
  for (const [parts, live, expected] of table) {
    const common = { id: 'id', name: 'a', queue: 'default', enqueuedAt: ISO }
    t.match(shown(text(parts), live), { ...common, ...expected }, `${expected.state} ${JSON.stringify(live)}`)
  }
  for (const state of ['succeeded', 'failed', 'cancelled', 'expired']) t.ok(isTerminal(state))
  for (const state of ['waiting', 'delayed', 'active', 'retrying', 'created', 'toString']) t.notOk(isTerminal(state))
})

t.test('a record has all its fields, whatever is known', async (t) => {
  const fields = [
    'id', 'name', 'queue', 'state', 'stage', 'progress', 'attempt', 'attempts', 'priority',
    'enqueuedAt', 'dueAt', 'blockedBy', 'startedAt', 'finishedAt', 'schedule', 'flow', 'tags',
    'result', 'error', 'failedAttempts'
  ]
  t.strictSame(Object.keys(shown('{"data":{"name":"a"},"options":{}}')), fields)
  t.strictSame(Object.keys(shown(placeholderRecord(NOW))), fields)
  t.match(shown(placeholderRecord(NOW)), { name: 'unknown', enqueuedAt: ISO })
})

t.test('a falsy result or progress is kept', async (t) => {
  for (const value of [0, '', false]) {
    t.equal(shown(encode(decode(text({ status: 'succeeded' })), JSON.stringify(value))).result, value)
    t.equal(shown(text({ progress: value })).progress, value)
    t.equal(shown(text(), { progress: { stage: '', progress: value } }).progress, value)
  }
})

t.test('what is reported while it runs goes before what is stored', async (t) => {
  const stored = text({ stage: 'OLD', progress: 1 })
  t.match(shown(stored), { stage: 'OLD', progress: 1 })
  t.match(shown(stored, { progress: { stage: 'NEW', progress: { x: 2 } } }), { stage: 'NEW', progress: { x: 2 } })
})

t.test('a record that changed is written with its result as it was serialised', async (t) => {
  const stored = decode(text({ status: 'succeeded', attempt: 1 }))
  t.strictSame(JSON.parse(encode(stored, '{"x":[1]}')).result, { x: [1] })
  t.notOk('result' in JSON.parse(encode(stored)))
  t.strictSame(decode(encode(stored)), stored)
})

t.test('a failed record that is queued again has clean counters', async (t) => {
  const options = { ...own, attempts: 3, retries: 0, stacktraces: ['s'], expires: 5, delay: 6, timeout: 7, reqId: 'r' }
  const error = { name: 'E', message: 'm', code: null }
  const outcome = { status: 'failed', attempt: 3, finishedAt: NOW, error, result: 1 }
  const failed = decode(text({ ...outcome, options, progress: 1, stage: 'X' }))
  const left = { attempts: 3, retries: 2, stacktraces: [], timeout: 7, reqId: 'r', delay: 8 }
  const clean = text({ options: { ...own, ...left } })
  t.strictSame(JSON.parse(encode(resetForRetry(failed, 8))), JSON.parse(clean), 'it is due since then')
  t.strictSame(shown(resetForRetry(failed, 8)), { ...shown(text()), attempts: 3 })
})

t.test('a retry doubles the delay of an exponential backoff; a retry by hand begins with the first one', async (t) => {
  const cases: Array<[unknown, unknown]> = [
    [{ strategy: 'exponential', delay: 4_000, max: 5_000 }, { strategy: 'exponential', delay: 1_000, max: 5_000 }],
    [{ strategy: 'exponential', delay: Number.MIN_VALUE }, { strategy: 'exponential', delay: Number.MIN_VALUE }],
    [{ strategy: 'exponential', delay: '4000' }, { strategy: 'exponential', delay: '4000' }],
    [{ strategy: 'exponential' }, { strategy: 'exponential' }],
    [{ strategy: 'fixed', delay: 4_000 }, { strategy: 'fixed', delay: 4_000 }],
    [{ strategy: 'mine', delay: 4_000 }, { strategy: 'mine', delay: 4_000 }]
  ]
  for (const [backoff, first] of cases) {
    const failed = decode(text({ status: 'failed', options: { ...own, attempts: 3, retries: 0, backoff } }))
    t.strictSame(resetForRetry(failed, NOW).options.backoff, first, JSON.stringify(backoff))
  }
  const first = { strategy: 'exponential', delay: 5, jitter: true }
  t.same(afterRetry(first), { ...first, delay: 10 })
  t.same(afterRetry({ ...first, delay: 1e308 }), { ...first, delay: 1e308 }, 'never Infinity')
})

t.test('a job of a plain Bee-Queue', async (t) => {
  const bee = { timestamp: NOW, stacktraces: [], retries: 2 }
  t.match(decode(text({ options: bee })).options, { foreign: true, attempts: 3, retries: 2 })
  t.notOk(decode(text()).options.foreign)
  t.match(shown(text({ options: bee, progress: 0 })), {
    state: 'waiting', attempt: 0, attempts: 3, progress: 0, enqueuedAt: ISO
  })
  const stored = decode(text({ options: bee }))
  const again = decode(encode({ ...stored, options: { ...stored.options, retries: 1 } }))
  t.match(again.options, { foreign: true, attempts: 3, retries: 1 }, 'it stays foreign, and its attempts stay counted')
  t.equal(attemptsMade(again), 1)

  const failed = text({
    options: { ...bee, retries: 0, stacktraces: ['Error: boom\n    at x.js:1'] }, status: 'failed', progress: 50
  })
  t.match(shown(failed), { state: 'failed', progress: 50 })
  t.strictSame(shown(failed).error, { name: 'Error', message: 'Error: boom', code: null })
  t.strictSame(shown(text({ options: { ...bee, stacktraces: [] }, status: 'failed' })).error, {
    name: 'Error', message: '', code: null
  })
  t.match(shown(text({ options: bee, status: 'succeeded' })), {
    state: 'succeeded', attempt: 1, result: null, error: null
  })
})

t.test('a stack is shown only where that is asked for', async (t) => {
  const error = { name: 'TypeError', message: 'boom', code: 'E', stack: 'secret' }
  for (const status of ['failed', 'retrying', 'cancelled']) {
    for (const stacktraces of [['TypeError: boom\n    at secret.js:1', 'older secret'], []]) {
      const record = text({ options: { ...own, stacktraces }, status, error })
      t.strictSame(shown(record).error, { name: 'TypeError', message: 'boom', code: 'E' })
      t.notMatch(JSON.stringify(shown(record)), 'secret')
    }
  }
  const record = text({ options: { ...own, stacktraces: ['newest', 'older'] }, status: 'failed', error })
  t.equal(shown(record, {}, true).error?.stack, 'newest')
})
