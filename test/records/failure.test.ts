/**
 * Whatever a handler throws becomes a failure that can be stored and read.
 */
import { inspect } from 'node:util'
import pino from 'pino'
import t, { type Test } from 'tap'
import * as errors from '../../lib/errors.ts'
import { toLoggable, toLoggableError, toFailure, type Failure } from '../../lib/records/failure.ts'

/** The latest time that a Date can hold. */
const LAST_DATE = 8.64e15

const refuse = (): never => { throw new Error('looked at') }
const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map(name => [name, refuse])) as ProxyHandler<any>
const untouchable = (target: object = {}): any => new Proxy(target, traps)

function revoked (target: object = {}): any {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function circular (): any {
  const one: any = { name: 'Circular', message: 'round' }
  one.self = one
  return one
}

/** A value whose getters throw. */
const trapped = (...keys: string[]): any =>
  Object.defineProperties(Object.create(Error.prototype), Object.fromEntries(keys.map(key => [key, { get: refuse }])))

/** What a failure is, whatever was thrown. */
function isSound (t: Test, { error, stack, retryAfter, retryable }: Failure, what: string): void {
  t.strictSame(Object.keys(error), ['name', 'message', 'code'], what)
  t.ok(typeof error.name === 'string' && error.name.length > 0 && error.name.length <= 128, `${what}: name`)
  t.ok(typeof error.message === 'string' && error.message.length <= 4_096, `${what}: message`)
  t.equal(Buffer.from(error.message).toString(), error.message, `${what}: no half of a character`)
  t.ok(error.code === null || (typeof error.code === 'string' && error.code.length <= 128), `${what}: code`)
  t.ok(typeof stack === 'string' && stack.length <= 8_192, `${what}: stack`)
  const isDelay = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && Date.now() + ms <= LAST_DATE
  t.ok(retryAfter === null || isDelay(retryAfter), `${what}: retryAfter ${retryAfter}`)
  t.type(retryable, 'boolean')
  t.doesNotThrow(() => JSON.stringify(error), what)
}

class Teapot extends Error {
  override name = 'Teapot'
  code = 418
}

interface Expected { name?: string, message?: string | RegExp, code?: string | null }
const thrown: Record<string, [value: unknown, error: Expected]> = {
  undefined: [undefined, { name: 'Error', message: 'undefined', code: null }],
  null: [null, { name: 'Error', message: 'null', code: null }],
  zero: [0, { message: '0' }],
  false: [false, { message: 'false' }],
  NaN: [NaN, { message: 'NaN' }],
  'a bigint': [10n, { message: '10n' }],
  'a symbol': [Symbol('s'), { message: 'Symbol(s)' }],
  'an empty string': ['', { name: 'Error' }],
  'a string': ['boom', { name: 'Error', message: 'boom', code: null }],
  'a plain object': [{ a: 1 }, { name: 'Error', message: 'an object with the properties a, and not an Error' }],
  'an object like an error': [{ name: 'Odd', message: 'm', code: 'C' }, { name: 'Odd', message: 'm', code: 'C' }],
  'an object without a prototype': [Object.create(null), { message: /^an object without properties/ }],
  'an array': [[1, 2], { message: 'an array of 2, and not an Error' }],
  'a function': [function boom () {}, { name: 'boom', message: /boom/ }],
  'a date': [new Date(0), { message: 'a Date, and not an Error' }],
  'an error': [new Error('boom'), { name: 'Error', message: 'boom', code: null }],
  'a type error': [new TypeError('boom'), { name: 'TypeError', message: 'boom' }],
  'an error of a class': [new Teapot('short and stout'), { name: 'Teapot', message: 'short and stout', code: '418' }],
  'a system error': [Object.assign(new Error('gone'), { code: 'ECONNRESET' }), { code: 'ECONNRESET' }],
  'an abort': [AbortSignal.abort().reason, { name: 'AbortError', code: '20' }],
  'one of ours': [new errors.TaskTimeout(2, 50), { name: 'FastifyError', message: /50 ms/, code: 'FST_TASKS_TIMEOUT' }],
  'an empty name': [Object.assign(new Error('boom'), { name: '' }), { name: 'Error' }],
  'a name that is none': [Object.assign(new Error('boom'), { name: 5 }), { name: 'Error' }],
  'a code that is none': [Object.assign(new Error('boom'), { code: { a: 1 } }), { code: null }],
  'a symbol for a code': [{ code: Symbol('s') }, { code: null }],
  'a message that is none': [Object.assign(new Error('boom'), { message: { a: 1 } }), { name: 'Error' }],
  'many errors': [
    new AggregateError([new Error('one'), 'two', { message: 'three' }], 'all'),
    { name: 'AggregateError', message: 'all: one; two; three' }
  ],
  'many errors without a message': [new AggregateError([new Error('one'), new Error('two')]), { message: 'one; two' }],
  'many errors in many': [
    new AggregateError([new AggregateError([new Error('deep')], 'inner')], 'outer'), { message: 'outer: inner: deep' }
  ],
  'a hundred errors': [
    new AggregateError(Array.from({ length: 100 }, (_, i) => new Error(`e${i}`)), 'all'),
    { message: /^all: e0; e1; e2; e3; e4; e5; e6; e7; e8; e9$/ }
  ],
  'getters that throw': [
    trapped('name', 'message', 'code', 'stack', 'cause', 'errors', 'retryAfter'), { name: 'Error', code: null }
  ],
  'a proxy that throws on everything': [untouchable(), { name: 'Error', code: null }],
  'a function behind such a proxy': [untouchable(refuse), { name: 'Error', code: null }],
  'a revoked proxy': [revoked(), { name: 'Error', code: null }],
  'a circular object': [circular(), { name: 'Circular', message: 'round' }],
  'a circular object without a message': [
    (() => { const one = circular(); delete one.message; return one })(), { message: /properties name, self,/ }
  ],
  'an inspection that throws': [
    { [Symbol.for('nodejs.util.inspect.custom')]: refuse }, { message: /^an object without properties/ }
  ],
  'a conversion that throws': [{ toString: refuse, valueOf: refuse, toJSON: refuse, [Symbol.toPrimitive]: refuse }, {}],
  'a huge message': [new Error('x'.repeat(10_000_000)), { message: /^x{4095}…$/ }],
  'a huge string': ['é'.repeat(1_000_000), { message: /^é{4095}…$/ }],
  'a huge name and code': [
    { name: 'n'.repeat(1e6), code: 'c'.repeat(1e6), message: 'm' },
    { name: `${'n'.repeat(127)}…`, code: `${'c'.repeat(127)}…` }
  ],
  'a huge object': [
    Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i])),
    { message: /^an object with the properties k0, .*, k9 and 99990 more, and not an Error$/ }
  ],
  'a message cut in a surrogate pair': [`${'x'.repeat(4_094)}😀😀`, {}]
}

for (const [what, [value, error]] of Object.entries(thrown)) {
  t.test(`thrown: ${what}`, async (t) => {
    const failure = toFailure(value)
    isSound(t, failure, what)
    for (const [key, expected] of Object.entries(error)) {
      (expected instanceof RegExp ? t.match : t.equal)((failure.error as any)[key], expected as any, key)
    }
    t.equal(failure.retryable, true)
  })
}

t.test('a message never has a stack in it: a stack is shown only where exposeStack says so', async (t) => {
  const values = [
    new Error(), new Error(''), new Teapot(), new AggregateError([]), new AggregateError([new Error()]),
    { err: new Error('inner') }, [new Error('inner')]
  ]
  for (const value of values) t.notMatch(toFailure(value).error.message, /\n\s+at |failure\.test/)
})

/** What HTTP clients keep in the errors and the replies that they throw. */
const withRequest = (): any => ({
  config: { headers: { authorization: 'Bearer hunter2' } },
  request: { headers: { authorization: 'Bearer hunter2' } }
})

t.test('what is inside of a thrown value is neither in its message nor in its stack', async (t) => {
  const axiosError = Object.assign(new Error('Request failed with status code 401'), withRequest())
  const values = [
    withRequest(), [withRequest()], { message: withRequest() }, { cause: withRequest() }, { stack: withRequest() },
    { errors: [withRequest()] }, axiosError, new Error('outer', { cause: withRequest() }),
    new Error('outer', { cause: axiosError }), new AggregateError([withRequest(), axiosError]),
    Object.assign(() => {}, withRequest()), Object.assign(new Error('m'), { message: withRequest() })
  ]
  for (const [i, value] of values.entries()) {
    const failure = toFailure(value)
    t.notMatch(JSON.stringify(failure), /hunter2/, `stored ${i}`)
    t.notMatch(inspect(toLoggableError(failure), { depth: 9, showHidden: true }), /hunter2/, `logged ${i}`)
  }
  t.equal(toFailure(withRequest()).error.message, 'an object with the properties config, request, and not an Error')
})

t.test('errors that hold each other end', async (t) => {
  const one = new AggregateError([new Error('a')], 'one')
  one.errors.push(new AggregateError([one], 'two'))
  const failure = toFailure(one)
  isSound(t, failure, 'circular errors')
  t.match(failure.error.message, /^one: a; two/)
})

t.test('errors that cannot be looked at', async (t) => {
  const trappedItem = Object.defineProperty([1], 0, { get: refuse })
  for (const errors of [revoked([]), untouchable([]), trappedItem, [untouchable()], [revoked()]]) {
    isSound(t, toFailure({ name: 'Odd', message: 'm', errors }), 'errors')
  }
})

t.test('the stack tells the causes, five of them', async (t) => {
  const chain = (depth: number): Error =>
    depth === 0 ? new Error('root') : new Error(`level ${depth}`, { cause: chain(depth - 1) })
  t.match(toFailure(chain(2)).stack, /Error: level 2\n[^]*\nCaused by: Error: level 1\n[^]*\nCaused by: Error: root\n/)
  t.equal(toFailure(chain(3)).error.message, 'level 3')

  const short = (depth: number): any => ({ stack: `s${depth}`, ...(depth > 0 && { cause: short(depth - 1) }) })
  t.equal(toFailure(short(9)).stack, 's9\nCaused by: s8\nCaused by: s7\nCaused by: s6\nCaused by: s5\nCaused by: s4')
  t.match(toFailure(new Error('x', { cause: 'a string' })).stack, /\nCaused by: a string$/)
  t.match(toFailure(new Error('x', { cause: null })).stack, /\nCaused by: null$/)
  t.match(toFailure(new Error('x', { cause: untouchable() })).stack, /\nCaused by: /)
})

t.test('causes that hold each other end', async (t) => {
  const one: any = { stack: 'one' }
  one.cause = { stack: 'two', cause: one }
  t.equal(toFailure(one).stack.match(/Caused by/g)?.length, 5)
})

t.test('retryAfter: ms, or a date', async (t) => {
  const of = (retryAfter: unknown): number | null => toFailure(Object.assign(new Error('x'), { retryAfter })).retryAfter
  t.equal(of(0), 0)
  t.equal(of(1_500), 1_500)
  t.equal(of(0.2), 1)
  const inAMinute = of(new Date(Date.now() + 60_000))!
  t.ok(inAMinute > 55_000 && inAMinute <= 60_000, String(inAMinute))
  const garbage = [
    -1, NaN, Infinity, -Infinity, '5', 5n, null, undefined, true, {}, [], [5], () => 5, Symbol('s'),
    new Date(0), new Date(NaN)
  ]
  for (const value of garbage) t.equal(of(value), null, String(value))
  t.equal(toFailure({ retryAfter: 7 }).retryAfter, 7)
  t.equal(toFailure('retryAfter').retryAfter, null)
})

t.test('a retryAfter that no clock reaches does not hold a task for ever', async (t) => {
  for (const retryAfter of [Number.MAX_VALUE, 1e300, 8.64e15, new Date(8.64e15)]) {
    isSound(t, toFailure({ message: 'm', retryAfter }), String(retryAfter))
  }
})

t.test('a retryAfter that cannot be looked at', async (t) => {
  class Broken extends Date { override getTime = refuse }
  for (const retryAfter of [revoked(), untouchable(), new Broken()]) {
    t.equal(toFailure({ message: 'm', retryAfter }).retryAfter, null)
  }
})

t.test('what another attempt would not help', async (t) => {
  const final = [
    new errors.Unrecoverable('no'), new errors.ResultInvalid('x'), new errors.ResultTooLarge(2, 1),
    new errors.RecordInvalid('x'), new errors.DataRefused('a', 'x'), { code: 'FST_TASKS_UNRECOVERABLE' }
  ]
  for (const error of final) t.equal(toFailure(error).retryable, false, String((error as any).code))
  const retryable = [
    new errors.TaskTimeout(1, 1), new errors.TaskStalled(1, 1),
    { code: ['FST_TASKS_UNRECOVERABLE'] }, { message: 'FST_TASKS_UNRECOVERABLE' }
  ]
  for (const error of retryable) t.equal(toFailure(error).retryable, true)
})

t.test('Unrecoverable carries what it was given, and needs nothing', async (t) => {
  const cause = new Error('the cause')
  const { error, stack } = toFailure(new errors.Unrecoverable('100% sure', { cause }))
  t.strictSame(error, { name: 'FastifyError', message: '100% sure', code: 'FST_TASKS_UNRECOVERABLE' })
  t.match(stack, /Caused by: Error: the cause/)
  t.notMatch(toFailure(new errors.Unrecoverable()).error.message, '%s')
})

t.test('for the log: URLs without user and password', async (t) => {
  for (const url of ['redis://:hunter2@h:1', 'redis:/u:hunter2@h', 'postgres://u:hunter2@h/db', 'redis://u:hunter2/x@h']) {
    const logged = toLoggableError(toFailure(new Error(`getaddrinfo ENOTFOUND ${url}`)))
    t.notMatch(logged.message + logged.stack, /hunter2/, url)
    t.match(logged.message, /^getaddrinfo ENOTFOUND \w+:\/+…@h/)
  }
  const frame = 'at file:///app/node_modules/@fastify/redis/index.js'
  t.match(toLoggableError(toFailure({ stack: frame })).stack, frame, 'a stack keeps its files')
})

t.test('for the log: an error of our own, without what else the thrown one carries', async (t) => {
  const thrown = Object.assign(new TypeError('boom'), { code: 'ECODE', command: { name: 'auth', args: ['hunter2'] } })
  const logged = toLoggableError(toFailure(thrown))
  t.ok(logged instanceof Error)
  t.match(logged, { name: 'TypeError', message: 'boom', code: 'ECODE', stack: thrown.stack })
  t.strictSame(Object.getOwnPropertyNames(logged).sort(), ['code', 'message', 'name', 'stack'])
  t.notOk('code' in toLoggableError(toFailure('a string')))
  t.doesNotThrow(() => JSON.stringify(toLoggableError(toFailure(untouchable()))))
})

/** An error whose class reads its private members in getters. */
class Private extends Error {
  readonly #secret = 'shown by a getter'
  readonly #inner = { password: 'hunter2' }
  get shown (): string { return this.#secret }
  get silent (): string { return this.#secret }
  get inner (): object { return this.#inner }
  get broken (): never { throw new Error('no') }
}

for (const key of ['shown', 'inner', 'broken']) Object.defineProperty(Private.prototype, key, { enumerable: true })

t.test('for the log: getters of the class of an error are not called on the copy, which would throw', async (t) => {
  const lines: any[] = []
  const log = pino({}, { write: line => lines.push(JSON.parse(line)) })
  const thrown = new Private('boom')
  const copy: any = toLoggable(new Error('outer', { cause: thrown })).cause
  t.ok(copy instanceof Private)
  t.same([copy.shown, copy.silent], ['shown by a getter', 'shown by a getter'])
  t.same([copy.inner, copy.broken], [undefined, undefined])
  log.error(toLoggable(thrown))
  t.match(lines[0].err, { type: 'Private', message: 'boom', shown: 'shown by a getter' })
  t.notOk('silent' in lines[0].err)
  t.notMatch(lines[0], /hunter2/)
})

t.test('for the log: a DOMException, such as that of an aborted fetch, has its name and its code', async (t) => {
  const lines: any[] = []
  const log = pino({}, { write: line => lines.push(JSON.parse(line)) })
  log.error(toLoggable(new DOMException('The operation was aborted', 'AbortError')))
  const { type, stack, ...fields } = lines[0].err
  t.match(stack, /^AbortError: The operation was aborted/)
  t.strictSame(fields, { name: 'AbortError', message: 'The operation was aborted', code: '20' })
})
