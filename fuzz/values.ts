/**
 * Values of all kinds, serializable or not. They are made from recipes, because a recipe can be shown, shrunk and
 * repeated.
 */
import fc from 'fast-check'
import { depth } from './nesting.ts'

export interface Recipe { kind: string, value: unknown }

const trickyKeys = [
  '__proto__', 'constructor', 'prototype', 'toJSON', 'toString', 'valueOf', 'hasOwnProperty', 'length', 'then', 'data',
  'name', 'options', '', '0', '\u0000', '\ud800'
]
const trickyTexts = [
  '', '__proto__', '\u0000', '\ud800', '\udfff\ud800', '\u2028', '"', '\\', '%s%d%j', '\ufeff', 'null',
  '[object Object]', '{"__proto__":{"polluted":1}}', '\x1b[2J', '\r\n'
]

export const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom(...trickyTexts))

/** Almost any value that can be written as an expression. */
export const anything = fc.anything({
  key: fc.oneof(
    { weight: 3, arbitrary: fc.string({ maxLength: 8 }) },
    { weight: 1, arbitrary: fc.constantFrom(...trickyKeys) }
  ),
  values: [text, fc.integer(), fc.double(), fc.boolean(), fc.constantFrom(null, undefined, -0, 2 ** 53, 1e308, 5e-324)],
  maxDepth: 4,
  maxKeys: 6,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true
})

const fail = (): never => { throw new RangeError('thrown by the input') }
const toJsonThrowing = (thrown: unknown): any => ({ toJSON () { throw thrown } })
const withGetter = (key: string, get: () => unknown): object =>
  Object.defineProperty({}, key, { get, enumerable: true })

/** An error that throws when its properties are read. */
function throwingError (): Error {
  const error = new Error()
  for (const key of ['stack', 'message', 'name', 'code', 'cause', 'errors', 'retryAfter', 'toString']) {
    Object.defineProperty(error, key, { get: fail })
  }
  return error
}

function revoked (value: unknown): unknown {
  const { proxy, revoke } = Proxy.revocable(Object(value), {})
  revoke()
  return proxy
}

function cyclic (value: unknown): unknown {
  const object: any = { value, list: [] }
  object.list.push(object)
  return object
}

const trap = new Proxy({}, { get: (_target, name) => typeof name === 'string' ? fail : undefined })

/** Functions that make each kind of value from a plain value. */
const kinds: Record<string, (value: any) => unknown> = {
  plain: value => value,
  nothing: () => undefined,
  symbol: value => Symbol(typeof value),
  'with a symbol': value => ({ [Symbol('key')]: value, value: Symbol('value') }),
  function: () => fail,
  'a function with a symbol as name': value => Object.defineProperty(() => value, 'name', { value: Symbol('name') }),
  'a class': () => class { static readonly made = 1 },
  'an instance': value => new class { readonly own = value; get got (): unknown { return value } }(),
  'a getter that throws': () => withGetter('boom', fail),
  'a getter': value => withGetter('value', () => value),
  'toJSON that throws': () => toJsonThrowing(new Error('thrown by toJSON')),
  'toJSON that throws a value': value => toJsonThrowing(value),
  'toJSON that throws an error that throws': () => toJsonThrowing(throwingError()),
  'toJSON that throws a revoked proxy': value => toJsonThrowing(revoked(value)),
  'toJSON that throws a long message': () => toJsonThrowing(new Error('long '.repeat(100_000))),
  'toJSON that returns undefined': () => ({ toJSON: () => undefined }),
  'toJSON that returns a value': value => ({ toJSON: () => value }),
  'toJSON that is no function': value => ({ toJSON: value, value }),
  'toString that throws': () => ({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
  'a tag that throws': () => ({ toJSON: fail, get [Symbol.toStringTag] () { return fail() } }),
  'an error': value => new Error(String(typeof value), { cause: value }),
  'an error that throws': throwingError,
  'an AggregateError': value => new AggregateError([value, new Error('inner'), throwingError()], 'several'),
  'a revoked proxy': revoked,
  'a revoked proxy inside': value => ({ value: revoked(value) }),
  'a proxy that throws': () => new Proxy({}, trap),
  'a proxy': value => new Proxy(Object(value), {}),
  'a cycle': cyclic,
  'a BigInt inside': value => [value, { big: 1n }],
  'a promise': value => Promise.resolve(value),
  'a thenable': value => ({ then: value }),
  'a generator': () => (function * () { yield 1 })(),
  'a Buffer': () => Buffer.from([0, 255]),
  'a WeakMap': () => new WeakMap(),
  'a RegExp': () => /x/g,
  'a URL': () => new URL('http://127.0.0.1/x?y#z'),
  arguments: value => (function (..._rest: unknown[]) { return arguments })(value, 1),
  'an invalid date': () => new Date(NaN),
  'an object with the prototype of a date': () => Object.create(Date.prototype),
  'an object with the prototype of an array': () => Object.create(Array.prototype),
  inherited: value => Object.create(Object(value)),
  'an own __proto__': value => JSON.parse(`{"__proto__":${jsonOf(value)},"a":{"__proto__":{"polluted":1}}}`),
  'a constructor with a prototype': value => ({ constructor: { prototype: { polluted: value } } }),
  'many keys': () => Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key${i}`, i])),
  'a long array': value => new Array(5_000).fill(value),
  'a long text': value => String(typeof value).repeat(20_000),
  'a text that is too long': () => 'x'.repeat(1_048_576),
  'a text of three-byte characters': () => '€'.repeat(349_530),
  'nested arrays': depth => JSON.parse('['.repeat(depth) + ']'.repeat(depth)),
  'nested objects': depth => JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth))
}

function jsonOf (value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch {
    return 'null'
  }
}

const largeKinds = [
  'a text that is too long',
  'a text of three-byte characters',
  'many keys',
  'a long array',
  'a long text',
  'toJSON that throws a long message'
]
const deepKinds = ['nested arrays', 'nested objects']
const otherKinds = Object.keys(kinds)
  .filter(kind => kind !== 'plain' && !largeKinds.includes(kind) && !deepKinds.includes(kind))

const asText = text.map((value): Recipe => ({ kind: 'plain', value }))

/** A recipe for any value. About half of the recipes are of plain values. */
export const recipe: fc.Arbitrary<Recipe> = fc.oneof(
  { weight: 100, arbitrary: fc.record({ kind: fc.constant('plain'), value: anything }) },
  { weight: 100, arbitrary: fc.record({ kind: fc.constantFrom(...otherKinds), value: anything }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom(...deepKinds), value: depth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom(...largeKinds), value: anything }) }
)

/** A recipe for a value where a text is expected: half of the recipes are texts. */
export const nameRecipe: fc.Arbitrary<Recipe> = fc.oneof(asText, recipe)

export const make = ({ kind, value }: Recipe): unknown => kinds[kind]!(value)
