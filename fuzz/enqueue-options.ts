/**
 * Options of an enqueue: right ones, wrong ones, and objects that carry them in unusual ways.
 */
import fc from 'fast-check'
import { make, recipe, type Recipe } from './values.ts'

/** What an option is given: a value as it is, or made from a recipe. */
type Given = { right: unknown } | { wrong: Recipe }

export interface OptionsRecipe {
  carried: string
  given: Record<string, Given>
}

const time = fc.oneof(fc.integer({ min: 1, max: 2 ** 31 }), fc.constantFrom(0, 1, 1_000, 2 ** 31 - 1, 2 ** 31))
const date = fc.date({ min: new Date(1e12), max: new Date(4e12), noInvalidDate: true })
const id = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,40}$/)

const backoff = fc.record({
  strategy: fc.constantFrom('immediate', 'fixed', 'exponential'),
  delay: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  max: fc.integer({ min: 1, max: 2 ** 31 }),
  jitter: fc.boolean()
}, { requiredKeys: ['strategy'] })

const right: Record<string, fc.Arbitrary<unknown>> = {
  delay: time,
  delayUntil: fc.oneof(date, date.map(Number)),
  expires: fc.oneof(date, time),
  id,
  retries: fc.nat(1_000_000),
  backoff,
  timeout: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  queue: fc.constantFrom('default', 'mail')
}

const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(-1, 0.5, NaN, Infinity, -Infinity, -0, 2 ** 31, 2 ** 53, 1e300, '5', '', null, undefined, true, [], {}, [5], 5n, 'x'.repeat(101), '..', '__proto__', 'nowhere'),
  fc.constantFrom({ strategy: 'none' }, { strategy: 'toString' }, { strategy: '__proto__' }, { strategy: 'fixed', delay: -1 }, { strategy: 'fixed', dellay: 1 }, { strategy: { toString: 1 } }, {})
)

const wrong = fc.oneof({ weight: 3, arbitrary: recipe.map(one => ({ wrong: one })) }, { weight: 2, arbitrary: odd.map(value => ({ wrong: { kind: 'plain', value } })) })

const unknownNames = ['dellay', 'priority', '__proto__', 'constructor', 'toString', 'data', 'ttl', 'nonce', 'foreign', '', 'x'.repeat(2_000)]

const names = Object.keys(right)

/** All of them right, so that it must be accepted. */
export const rightOptions: fc.Arbitrary<OptionsRecipe> = fc.record({
  carried: fc.constantFrom('own', 'own', 'without a prototype', 'frozen'),
  given: fc.record(Object.fromEntries(names.map(name => [name, right[name]!.map(value => ({ right: value }))])), { requiredKeys: [] })
    .map(given => 'delay' in given && 'delayUntil' in given ? { ...given, delayUntil: { right: undefined } } : given)
}) as fc.Arbitrary<OptionsRecipe>

/** Some right, some wrong, some that there are not. */
export const wildOptions: fc.Arbitrary<OptionsRecipe> = fc.record({
  carried: fc.constantFrom('own', 'own', 'own', 'inherited', 'got', 'hidden', 'a proxy', 'an array', 'a map', 'a class'),
  given: fc.tuple(
    fc.record(Object.fromEntries(names.map(name => [name, fc.oneof({ weight: 2, arbitrary: right[name]!.map(value => ({ right: value })) }, { weight: 1, arbitrary: wrong })])), { requiredKeys: [] }),
    fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...unknownNames)), wrong, { maxKeys: 2 }) })
  ).map(([known, unknown]) => ({ ...unknown, ...known }))
}) as fc.Arbitrary<OptionsRecipe>

const carriers: Record<string, (values: Array<[string, unknown]>) => unknown> = {
  own: values => define(values, value => ({ value, enumerable: true })),
  'without a prototype': values => Object.assign(Object.create(null), Object.fromEntries(values)),
  frozen: values => Object.freeze(Object.fromEntries(values)),
  inherited: values => Object.create(define(values, value => ({ value, enumerable: true }))),
  got: values => define(values, value => ({ get: () => value, enumerable: true })),
  hidden: values => define(values, value => ({ value })),
  'a proxy': values => new Proxy(Object.fromEntries(values), {}),
  'an array': values => define(values, value => ({ value, enumerable: true }), []),
  'a map': values => define(values, value => ({ value, enumerable: true }), new Map(values)),
  'a class': values => define(values, value => ({ value, enumerable: true }), new (class Options {})())
}

function define (values: Array<[string, unknown]>, describe: (value: unknown) => PropertyDescriptor, made: object = {}): object {
  for (const [key, value] of values) Object.defineProperty(made, key, describe(value))
  return made
}

export function makeOptions ({ carried, given }: OptionsRecipe): any {
  const values = Object.entries(given).map(([name, one]): [string, unknown] => [name, 'right' in one ? one.right : make(one.wrong)])
  return carriers[carried]!(values)
}
