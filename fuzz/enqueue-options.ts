/**
 * Options of an enqueue: valid and invalid options, and objects that hold them in unusual ways.
 */
import fc from 'fast-check'
import { make, recipe, type Recipe } from './values.ts'

/** The value of an option: a valid value, or the recipe of a value that may be invalid. */
type OptionValue = { right: unknown } | { wrong: Recipe }

export interface OptionsRecipe {
  /** How the object holds the options. */
  carrier: string
  given: Record<string, OptionValue>
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
  fc.constantFrom(
    -1, 0.5, NaN, Infinity, -Infinity, -0, 2 ** 31, 2 ** 53, 1e300, '5', '', null, undefined, true, [], {}, [5], 5n,
    'x'.repeat(101), '..', '__proto__', 'nowhere'
  ),
  fc.constantFrom(
    { strategy: 'none' },
    { strategy: 'toString' },
    { strategy: '__proto__' },
    { strategy: 'fixed', delay: -1 },
    { strategy: 'fixed', dellay: 1 },
    { strategy: { toString: 1 } },
    {}
  )
)

const wrong = fc.oneof(
  { weight: 3, arbitrary: recipe.map(wrong => ({ wrong })) },
  { weight: 2, arbitrary: odd.map(value => ({ wrong: { kind: 'plain', value } })) }
)

const unknownNames = [
  'dellay', 'priority', '__proto__', 'constructor', 'toString', 'data', 'ttl', 'nonce', 'foreign', '', 'x'.repeat(2_000)
]

/** An object with some of the options, each from an arbitrary for its valid values. */
const someOptions = (
  toArbitrary: (valid: fc.Arbitrary<unknown>) => fc.Arbitrary<unknown>
): fc.Arbitrary<Record<string, unknown>> => {
  const arbitraries = Object.entries(right).map(([name, valid]) => [name, toArbitrary(valid)])
  return fc.record(Object.fromEntries(arbitraries), { requiredKeys: [] })
}

/** Valid options only, so that the enqueue must be accepted. */
export const rightOptions: fc.Arbitrary<OptionsRecipe> = fc.record({
  carrier: fc.constantFrom('own', 'own', 'without a prototype', 'frozen'),
  given: someOptions(valid => valid.map(value => ({ right: value })))
    .map(given => 'delay' in given && 'delayUntil' in given ? { ...given, delayUntil: { right: undefined } } : given)
}) as fc.Arbitrary<OptionsRecipe>

/** Valid, invalid and unknown options. */
export const wildOptions: fc.Arbitrary<OptionsRecipe> = fc.record({
  carrier: fc.constantFrom(
    'own', 'own', 'own', 'inherited', 'getters', 'not enumerable', 'a proxy', 'an array', 'a map', 'a class'
  ),
  given: fc.tuple(
    someOptions(valid => fc.oneof(
      { weight: 2, arbitrary: valid.map(value => ({ right: value })) },
      { weight: 1, arbitrary: wrong }
    )),
    fc.oneof(
      { weight: 5, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...unknownNames)), wrong, { maxKeys: 2 })
      }
    )
  ).map(([known, unknown]) => ({ ...unknown, ...known }))
}) as fc.Arbitrary<OptionsRecipe>

const carry: Record<string, (values: Array<[string, unknown]>) => unknown> = {
  own: values => defineAll(values, value => ({ value, enumerable: true })),
  'without a prototype': values => Object.assign(Object.create(null), Object.fromEntries(values)),
  frozen: values => Object.freeze(Object.fromEntries(values)),
  inherited: values => Object.create(defineAll(values, value => ({ value, enumerable: true }))),
  getters: values => defineAll(values, value => ({ get: () => value, enumerable: true })),
  'not enumerable': values => defineAll(values, value => ({ value })),
  'a proxy': values => new Proxy(Object.fromEntries(values), {}),
  'an array': values => defineAll(values, value => ({ value, enumerable: true }), []),
  'a map': values => defineAll(values, value => ({ value, enumerable: true }), new Map(values)),
  'a class': values => defineAll(values, value => ({ value, enumerable: true }), new (class Options {})())
}

function defineAll (
  values: Array<[string, unknown]>, describe: (value: unknown) => PropertyDescriptor, target: object = {}
): object {
  for (const [key, value] of values) Object.defineProperty(target, key, describe(value))
  return target
}

export function makeOptions ({ carrier, given }: OptionsRecipe): any {
  const values = Object.entries(given).map(([name, option]): [string, unknown] =>
    [name, 'right' in option ? option.right : make(option.wrong)])
  return carry[carrier]!(values)
}
