/**
 * Area: enqueues. Either the task is in Redis, with its data exactly as its JSON says, or the call throws an error with
 * one of our codes, and nothing in Redis has changed.
 */
import { types } from 'node:util'
import fc from 'fast-check'
import { depthOf, jsonOf, check, checkErrorCode, outcomeOf } from './checks.ts'
import { makeOptions, rightOptions, wildOptions } from './enqueue-options.ts'
import { EnqueueChecker } from './enqueue-checker.ts'
import { make, nameRecipe, recipe } from './values.ts'
import { property, type MakeArea } from './area.ts'

const MAX_DATA = 1_048_576
/** Deeper data may be accepted or refused. The fuzz does not know the limit. */
const SAFE_DEPTH = 500
const shapes = fc.oneof(
  { weight: 4, arbitrary: fc.constant('items') },
  { weight: 1, arbitrary: fc.constantFrom('holes', 'not items', 'not a list') }
)

type Expectation = 'be accepted' | 'be refused' | 'either'

/** JSON makes `{}` of them. */
const EMPTIED = [
  types.isMap, types.isSet, types.isWeakMap, types.isWeakSet, types.isPromise, types.isRegExp, types.isNativeError
]

/** What is to become of data of which JSON keeps nothing. Null: of others. */
function expectationOfEmpty (json: string, data: unknown): Expectation | null {
  if (json === 'null' && data !== null) return typeof data === 'number' ? 'be refused' : 'either'
  if (json !== '{}' || typeof data !== 'object' || data === null) return null
  if (EMPTIED.some(is => is(data))) return 'be refused'
  return Object.getPrototypeOf(data) === Object.prototype ? null : 'either'
}

function expectationOf (json: string | undefined | null, data: unknown): Expectation {
  if (json === null) return 'be refused'
  const ofEmpty = json === undefined ? null : expectationOfEmpty(json, data)
  if (ofEmpty) return ofEmpty
  if (json === undefined) return 'be accepted'
  if (Buffer.byteLength(json) > MAX_DATA) return 'be refused'
  return depthOf(json) > SAFE_DEPTH ? 'either' : 'be accepted'
}

export const enqueue: MakeArea = url => {
  let checker: EnqueueChecker
  const attemptEnqueue = async (
    expectation: Expectation,
    json: string | undefined | null,
    data: unknown,
    options: unknown,
    { name = 'a-task', moreCodes = [] }: { name?: unknown, moreCodes?: string[] } = {}
  ): Promise<number> => {
    const outcome = await outcomeOf(() => checker.app.tasks.enqueue(name as string, data, options as any))
    if ('error' in outcome) {
      checkErrorCode(outcome.error, ...moreCodes)
      check(expectation !== 'be accepted', 'it was refused', outcome.error.message)
      await checker.checkUnchanged()
    } else {
      check(expectation !== 'be refused', 'it was accepted')
      await checker.checkStored(outcome.value, json)
    }
    return 1
  }
  return {
    name: 'enqueue',
    async open () { checker = await EnqueueChecker.open(url) },
    close: () => checker.close(),
    properties: [
      property({
        name: 'data',
        weight: 20,
        batch: 1,
        arbitrary: recipe,
        attempt: data => {
          const json = jsonOf(make(data))
          return attemptEnqueue(expectationOf(json, make(data)), json, make(data), undefined)
        }
      }),
      property({
        name: 'data with a schema',
        weight: 2,
        batch: 1,
        arbitrary: recipe,
        attempt: data => {
          const details = { name: 'strict', moreCodes: ['FST_ERR_VALIDATION'] }
          return attemptEnqueue('either', undefined, make(data), undefined, details)
        }
      }),
      property({
        name: 'valid options',
        weight: 5,
        batch: 1,
        arbitrary: rightOptions,
        attempt: options => attemptEnqueue('be accepted', '1', 1, makeOptions(options))
      }),
      property({
        name: 'any options',
        weight: 12,
        batch: 1,
        arbitrary: wildOptions,
        attempt: options => attemptEnqueue('either', '1', 1, makeOptions(options))
      }),
      property({
        name: 'any value as options',
        weight: 2,
        batch: 1,
        arbitrary: recipe,
        attempt: options => attemptEnqueue('either', '1', 1, make(options))
      }),
      property({
        name: 'names',
        weight: 2,
        batch: 1,
        arbitrary: nameRecipe,
        attempt: name => attemptEnqueue('be refused', '1', 1, undefined, { name: make(name) ?? null })
      }),
      property({
        name: 'enqueueMany',
        weight: 5,
        batch: 3,
        arbitrary: fc.record({
          shape: shapes,
          items: fc.array(fc.record({ data: recipe, options: wildOptions }), { maxLength: 6 })
        }),
        attempt: ({ shape, items }) =>
          checker.checkMany(shape, items.map(({ data, options }) => ({ data: make(data), ...makeOptions(options) })))
      }),
      property({
        name: 'unknown ids',
        weight: 4,
        batch: 1,
        arbitrary: nameRecipe,
        attempt: id => checker.checkUnknownId(make(id))
      }),
      property({
        name: 'the same id twice',
        weight: 1,
        batch: 1,
        arbitrary: fc.record({ first: recipe, second: recipe, sameName: fc.boolean() }),
        attempt: ({ first, second, sameName }) => checker.checkSameId(make(first), make(second), sameName)
      })
    ]
  }
}
