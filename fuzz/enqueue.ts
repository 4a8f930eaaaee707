/**
 * Area: what is enqueued. Either it is in Redis exactly as JSON carries it, or there is an error with a code of ours and
 * nothing in Redis has changed.
 */
import fc from 'fast-check'
import { depthOf, jsonOf, must, mustBeCoded, outcomeOf } from './checks.ts'
import { makeOptions, rightOptions, wildOptions } from './enqueue-options.ts'
import { Ledger } from './ledger.ts'
import { make, nameRecipe, recipe } from './values.ts'
import { property, type MakeArea } from './area.ts'

const MAX_DATA = 1_048_576
/** Deeper data may be refused, wherever the limit is. */
const MODEST_DEPTH = 500
const manyShape = fc.oneof({ weight: 4, arbitrary: fc.constant('items') }, { weight: 1, arbitrary: fc.constantFrom('holes', 'not items', 'not a list') })

type Must = 'be accepted' | 'be refused' | 'either'

function expected (json: string | undefined | null): Must {
  if (json === null) return 'be refused'
  if (json === undefined) return 'be accepted'
  if (Buffer.byteLength(json) > MAX_DATA) return 'be refused'
  return depthOf(json) > MODEST_DEPTH ? 'either' : 'be accepted'
}

export const enqueue: MakeArea = url => {
  let ledger: Ledger
  const enqueueing = async (demand: Must, json: string | undefined | null, data: unknown, options: unknown, { name = 'a-task', also = [] }: { name?: unknown, also?: string[] } = {}): Promise<number> => {
    const outcome = await outcomeOf(() => ledger.app.tasks.enqueue(name as string, data, options as any))
    if ('error' in outcome) {
      mustBeCoded(outcome.error, ...also)
      must(demand !== 'be accepted', 'it was refused', outcome.error.message)
      await ledger.mustBeUnchanged()
    } else {
      must(demand !== 'be refused', 'it was accepted')
      await ledger.mustHave(outcome.value, json)
    }
    return 1
  }
  return {
    name: 'enqueue',
    async open () { ledger = await Ledger.open(url) },
    close: () => ledger.close(),
    properties: [
      property({
        name: 'data',
        weight: 20,
        batch: 1,
        arbitrary: recipe,
        attempt: one => {
          const json = jsonOf(make(one))
          return enqueueing(expected(json), json, make(one), undefined)
        }
      }),
      property({
        name: 'data with a schema',
        weight: 2,
        batch: 1,
        arbitrary: recipe,
        attempt: one => enqueueing('either', undefined, make(one), undefined, { name: 'strict', also: ['FST_ERR_VALIDATION'] })
      }),
      property({
        name: 'right options',
        weight: 5,
        batch: 1,
        arbitrary: rightOptions,
        attempt: one => enqueueing('be accepted', '1', 1, makeOptions(one))
      }),
      property({
        name: 'any options',
        weight: 12,
        batch: 1,
        arbitrary: wildOptions,
        attempt: one => enqueueing('either', '1', 1, makeOptions(one))
      }),
      property({
        name: 'options that are none',
        weight: 2,
        batch: 1,
        arbitrary: recipe,
        attempt: one => enqueueing('either', '1', 1, make(one))
      }),
      property({
        name: 'names',
        weight: 2,
        batch: 1,
        arbitrary: nameRecipe,
        attempt: name => enqueueing('be refused', '1', 1, undefined, { name: make(name) ?? null })
      }),
      property({
        name: 'many at once',
        weight: 5,
        batch: 3,
        arbitrary: fc.record({ shape: manyShape, items: fc.array(fc.record({ data: recipe, options: wildOptions }), { maxLength: 6 }) }),
        attempt: ({ shape, items }) => ledger.many(shape, items.map(one => ({ data: make(one.data), ...makeOptions(one.options) })))
      }),
      property({
        name: 'ids that are asked for',
        weight: 4,
        batch: 1,
        arbitrary: nameRecipe,
        attempt: id => ledger.ask(make(id))
      }),
      property({
        name: 'an id twice',
        weight: 1,
        batch: 1,
        arbitrary: fc.record({ first: recipe, second: recipe, sameName: fc.boolean() }),
        attempt: ({ first, second, sameName }) => ledger.twice(make(first), make(second), sameName)
      })
    ]
  }
}
