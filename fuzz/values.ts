/**
 * Values of all kinds, JSON-able and not. They are made from recipes: a recipe can be shown, made smaller, and tried again.
 */
import fc from 'fast-check'
import { depth } from './edge.ts'

export interface Recipe { kind: string, value: unknown }

const trickyKeys = ['__proto__', 'constructor', 'prototype', 'toJSON', 'toString', 'valueOf', 'hasOwnProperty', 'length', 'then', 'data', 'name', 'options', '', '0', '\u0000', '\ud800']
const trickyTexts = ['', '__proto__', '\u0000', '\ud800', '\udfff\ud800', '\u2028', '"', '\\', '%s%d%j', '\ufeff', 'null', '[object Object]', '{"__proto__":{"polluted":1}}', '\x1b[2J', '\r\n']

export const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom(...trickyTexts))

/** Almost anything that can be written as an expression. */
export const anything = fc.anything({
  key: fc.oneof({ weight: 3, arbitrary: fc.string({ maxLength: 8 }) }, { weight: 1, arbitrary: fc.constantFrom(...trickyKeys) }),
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
const throwing = (thrown: unknown): any => ({ toJSON () { throw thrown } })
const hidden = (key: string, get: () => unknown): object => Object.defineProperty({}, key, { get, enumerable: true })

/** An error that throws when it is looked at. */
function shyError (): Error {
  const error = new Error()
  for (const key of ['stack', 'message', 'name', 'code', 'cause', 'errors', 'retryAfter', 'toString']) Object.defineProperty(error, key, { get: fail })
  return error
}

function revoked (value: unknown): unknown {
  const { proxy, revoke } = Proxy.revocable(Object(value), {})
  revoke()
  return proxy
}

function cyclic (value: unknown): unknown {
  const made: any = { value, list: [] }
  made.list.push(made)
  return made
}

const trap = new Proxy({}, { get: (_target, name) => typeof name === 'string' ? fail : undefined })

/** Each makes another kind of value out of a plain one. */
const kinds: Record<string, (value: any) => unknown> = {
  plain: value => value,
  nothing: () => undefined,
  symbol: value => Symbol(typeof value),
  'with a symbol': value => ({ [Symbol('key')]: value, value: Symbol('value') }),
  function: () => fail,
  'a function without a name': value => Object.defineProperty(() => value, 'name', { value: Symbol('name') }),
  'a class': () => class { static readonly made = 1 },
  'an instance': value => new class { readonly own = value; get got (): unknown { return value } }(),
  'a getter that throws': () => hidden('boom', fail),
  'a getter': value => hidden('value', () => value),
  'toJSON that throws': () => throwing(new Error('thrown by toJSON')),
  'toJSON that throws a value': value => throwing(value),
  'toJSON that throws an error that throws': () => throwing(shyError()),
  'toJSON that throws a revoked proxy': value => throwing(revoked(value)),
  'toJSON that throws a long message': () => throwing(new Error('long '.repeat(100_000))),
  'toJSON that gives nothing': () => ({ toJSON: () => undefined }),
  'toJSON that gives a value': value => ({ toJSON: () => value }),
  'toJSON that is none': value => ({ toJSON: value, value }),
  'toString that throws': () => ({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
  'a tag that throws': () => ({ toJSON: fail, get [Symbol.toStringTag] () { return fail() } }),
  'an error': value => new Error(String(typeof value), { cause: value }),
  'an error that throws': shyError,
  'an AggregateError': value => new AggregateError([value, new Error('inner'), shyError()], 'several'),
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
  'a date that is none': () => new Date(NaN),
  'made like a date': () => Object.create(Date.prototype),
  'made like an array': () => Object.create(Array.prototype),
  inherited: value => Object.create(Object(value)),
  'an own __proto__': value => JSON.parse(`{"__proto__":${jsonOf(value)},"a":{"__proto__":{"polluted":1}}}`),
  'a constructor with a prototype': value => ({ constructor: { prototype: { polluted: value } } }),
  'many keys': () => Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key${i}`, i])),
  'a long array': value => new Array(5_000).fill(value),
  'a long text': value => String(typeof value).repeat(20_000),
  'too long a text': () => 'x'.repeat(1_048_576),
  'a text of three bytes each': () => '€'.repeat(349_530),
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

const rare = ['too long a text', 'a text of three bytes each', 'many keys', 'a long array', 'a long text', 'toJSON that throws a long message']
const deep = ['nested arrays', 'nested objects']
const others = Object.keys(kinds).filter(kind => kind !== 'plain' && !rare.includes(kind) && !deep.includes(kind))

const asText = text.map((value): Recipe => ({ kind: 'plain', value }))

/** A recipe for any value. Its kind is as likely to be plain as not. */
export const recipe: fc.Arbitrary<Recipe> = fc.oneof(
  { weight: 100, arbitrary: fc.record({ kind: fc.constant('plain'), value: anything }) },
  { weight: 100, arbitrary: fc.record({ kind: fc.constantFrom(...others), value: anything }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom(...deep), value: depth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom(...rare), value: anything }) }
)

/** The same, and texts more often: where one is expected. */
export const nameRecipe: fc.Arbitrary<Recipe> = fc.oneof(asText, recipe)

export const make = ({ kind, value }: Recipe): unknown => kinds[kind]!(value)
