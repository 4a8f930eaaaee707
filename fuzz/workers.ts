/**
 * Area: the data that handlers get, and the values that they return, report and throw. The data must arrive as its JSON
 * says. Each task must finish, with a readable error if it failed.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { depthOf, jsonOf, check, checkErrorCode, outcomeOf, withoutPrototypeKeys } from './checks.ts'
import { make, nameRecipe, recipe, type Recipe } from './values.ts'
import { property, type MakeArea } from './area.ts'

const RESULT_OPTIONS = { timeout: 15_000 }
const SAFE_DEPTH = 500

/** A value that a handler throws, or that is a property of the error that it throws. */
interface Thrown { way: string, value: Recipe }
const ways = ['thrown', 'message', 'code', 'name', 'stack', 'cause', 'retryAfter', 'rejected']
const thrown: fc.Arbitrary<Thrown> = fc.record({ way: fc.constantFrom(...ways), value: recipe })

function makeError ({ way, value }: Thrown): unknown {
  if (way === 'thrown' || way === 'rejected') return make(value)
  return Object.defineProperty(new Error('failed'), way, { value: make(value) })
}

export const workers: MakeArea = url => {
  let opened: OpenApp
  /** The handlers of the task `call`. Its data is an index, because a function cannot be JSON. */
  let handlers: Array<(task: any) => unknown> = []

  const start = async (): Promise<void> => {
    handlers = []
    opened = await openApp(url, { worker: { concurrency: 50, closeTimeout: 1_000 }, retries: 0 }, app => {
      app.tasks.define('echo', data => data)
      app.tasks.define('call', (i: number, task) => handlers[i]!(task))
    })
  }

  const checkEcho = async (data: Recipe): Promise<void> => {
    const json = jsonOf(make(data))
    if (json === null || (json !== undefined && depthOf(json) > SAFE_DEPTH)) return
    const enqueued = await outcomeOf(() => opened.app.tasks.enqueue('echo', make(data)))
    if ('error' in enqueued) return checkErrorCode(enqueued.error)
    const result = await enqueued.value.result(RESULT_OPTIONS)
    const expected = json === undefined ? null : withoutPrototypeKeys(JSON.parse(json))
    check(JSON.stringify(result) === JSON.stringify(expected), 'wrong result', result, expected)
  }

  const runHandler = async (run: (task: any) => unknown, retries: number): Promise<any> => {
    const options = { retries, backoff: { strategy: 'immediate' } } as const
    const handle = await opened.app.tasks.enqueue('call', handlers.push(run) - 1, options)
    const outcome = await outcomeOf(() => handle.result(RESULT_OPTIONS))
    if ('error' in outcome) checkErrorCode(outcome.error)
    const record = await handle.status()
    check(record !== null, 'no record')
    check(record.state === ('error' in outcome ? 'failed' : 'succeeded'), 'wrong state', record)
    if (record.error) checkError(record.error)
    const response = await opened.app.inject(handle.location!)
    check(response.statusCode === 200, 'the status route failed', response.body)
    return record
  }

  const runAll = async <T>(inputs: T[], runOne: (input: T) => Promise<unknown>): Promise<number> => {
    await Promise.all(inputs.map(runOne))
    handlers = []
    await opened.clear()
    return inputs.length
  }

  return {
    name: 'workers',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'echoed data',
        weight: 4,
        batch: 15,
        arbitrary: fc.array(recipe, { minLength: 1, maxLength: 30, size: 'max' }),
        attempt: batch => runAll(batch, checkEcho)
      }),
      property({
        name: 'results',
        weight: 3,
        batch: 15,
        arbitrary: fc.array(recipe, { minLength: 1, maxLength: 30, size: 'max' }),
        attempt: batch => runAll(batch, result => runHandler(() => make(result), 1))
      }),
      property({
        name: 'progress',
        weight: 2,
        batch: 15,
        arbitrary: fc.array(
          fc.record({ stage: nameRecipe, progress: recipe }), { minLength: 1, maxLength: 30, size: 'max' }
        ),
        attempt: batch => runAll(batch, ({ stage, progress }) =>
          runHandler(task => task.updateState(make(stage), make(progress)), 0))
      }),
      property({
        name: 'thrown values',
        weight: 4,
        batch: 15,
        arbitrary: fc.array(
          fc.record({ thrown, retries: fc.nat(1) }), { minLength: 1, maxLength: 30, size: 'max' }
        ),
        attempt: batch => runAll(batch, ({ thrown, retries }) =>
          runHandler(thrower(thrown), thrown.way === 'retryAfter' ? 0 : retries))
      })
    ]
  }
}

const thrower = (thrown: Thrown) => (): unknown => {
  if (thrown.way === 'rejected') return Promise.reject(makeError(thrown))
  throw makeError(thrown)
}

function checkError ({ name, message, code }: any): void {
  const texts = typeof name === 'string' && typeof message === 'string'
  check(texts && (code === null || typeof code === 'string'), 'invalid error', name, message, code)
}
