/**
 * Area: what handlers are given, return, report and throw. The data arrives as JSON carries it; whatever comes out of a
 * handler, its task ends, and says readably how.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { depthOf, jsonOf, must, mustBeCoded, outcomeOf, sanitized } from './checks.ts'
import { make, nameRecipe, recipe, type Recipe } from './values.ts'
import { property, type MakeArea } from './area.ts'

const WITHIN = { timeout: 15_000 }
const MODEST_DEPTH = 500

/** Some thrown as they are, some on an error, with the properties that are read of it. */
interface Thrown { way: string, value: Recipe }
const ways = ['thrown', 'message', 'code', 'name', 'stack', 'cause', 'retryAfter', 'rejected']
const thrown: fc.Arbitrary<Thrown> = fc.record({ way: fc.constantFrom(...ways), value: recipe })

function makeThrown ({ way, value }: Thrown): unknown {
  if (way === 'thrown' || way === 'rejected') return make(value)
  return Object.defineProperty(new Error('failed'), way, { value: make(value) })
}

export const workers: MakeArea = url => {
  let open: OpenApp
  /** What a task does when it runs; by number, since it is no JSON. */
  let deeds: Array<(task: any) => unknown> = []

  const start = async (): Promise<void> => {
    deeds = []
    open = await openApp(url, { worker: { concurrency: 50, closeTimeout: 1_000 }, retries: 0 }, app => {
      app.tasks.define('echo', data => data)
      app.tasks.define('deed', (i: number, task) => deeds[i]!(task))
    })
  }

  const echo = async (one: Recipe): Promise<void> => {
    const json = jsonOf(make(one))
    if (json === null || (json !== undefined && depthOf(json) > MODEST_DEPTH)) return
    const enqueued = await outcomeOf(() => open.app.tasks.enqueue('echo', make(one)))
    if ('error' in enqueued) return mustBeCoded(enqueued.error)
    const result = await enqueued.value.result(WITHIN)
    const expected = json === undefined ? null : sanitized(JSON.parse(json))
    must(JSON.stringify(result) === JSON.stringify(expected), 'the result is another', result, expected)
  }

  const deed = async (run: (task: any) => unknown, retries: number): Promise<any> => {
    const handle = await open.app.tasks.enqueue('deed', deeds.push(run) - 1, { retries, backoff: { strategy: 'immediate' } })
    const outcome = await outcomeOf(() => handle.result(WITHIN))
    if ('error' in outcome) mustBeCoded(outcome.error)
    const record = await handle.status()
    must(record !== null, 'there is no record')
    must(record.state === ('error' in outcome ? 'failed' : 'succeeded'), 'it did not end', record)
    if (record.error) mustBeReadable(record.error)
    const response = await open.app.inject(handle.location!)
    must(response.statusCode === 200, 'the status route fails', response.body)
    return record
  }

  const each = async <T>(inputs: T[], one: (input: T) => Promise<unknown>): Promise<number> => {
    await Promise.all(inputs.map(one))
    deeds = []
    await open.clear()
    return inputs.length
  }

  return {
    name: 'workers',
    open: start,
    close: () => open.close(),
    properties: [
      property({
        name: 'data that comes back',
        weight: 4,
        batch: 15,
        arbitrary: fc.array(recipe, { minLength: 1, maxLength: 30, size: 'max' }),
        attempt: batch => each(batch, echo)
      }),
      property({
        name: 'results',
        weight: 3,
        batch: 15,
        arbitrary: fc.array(recipe, { minLength: 1, maxLength: 30, size: 'max' }),
        attempt: batch => each(batch, one => deed(() => make(one), 1))
      }),
      property({
        name: 'progress',
        weight: 2,
        batch: 15,
        arbitrary: fc.array(fc.record({ stage: nameRecipe, progress: recipe }), { minLength: 1, maxLength: 30, size: 'max' }),
        attempt: batch => each(batch, ({ stage, progress }) => deed(task => task.updateState(make(stage), make(progress)), 0))
      }),
      property({
        name: 'what is thrown',
        weight: 4,
        batch: 15,
        arbitrary: fc.array(fc.record({ thrown, retries: fc.nat(1) }), { minLength: 1, maxLength: 30, size: 'max' }),
        attempt: batch => each(batch, ({ thrown, retries }) => deed(throwing(thrown), thrown.way === 'retryAfter' ? 0 : retries))
      })
    ]
  }
}

const throwing = (thrown: Thrown) => (): unknown => {
  if (thrown.way === 'rejected') return Promise.reject(makeThrown(thrown))
  throw makeThrown(thrown)
}

function mustBeReadable ({ name, message, code }: any): void {
  must(typeof name === 'string' && typeof message === 'string' && (code === null || typeof code === 'string'), 'the error is not readable', name, message, code)
}
