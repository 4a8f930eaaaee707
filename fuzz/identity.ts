/**
 * Area: ids in several queues. A task is its queue and its id: random programs of enqueues, reads, cancels and removes,
 * by the API and over HTTP, in Redis and in mode memory, beside a model of what is in each queue. No call may reach the
 * task of another queue.
 */
import fc from 'fast-check'
import { check, checkErrorCode, outcomeOf } from './checks.ts'
import { openApp, type OpenApp } from './app.ts'
import { property, type MakeArea } from './area.ts'

const QUEUES = ['default', 'a', 'a-b', 'b'] as const
const IDS = [
  'x', 'x?queue=a', 'invoice:7', 'user/42', '../x', '%2F', '%78', 'é', 'e\u0301', '__proto__', 'constructor', '1', '01',
  '0dd8fe5e-9b6c-4a5e-8f35-0f4c7e1b2a3d', 'x,y', 'x y', '{a}', 'a:x', 'events', 'x/events'
]

interface Step {
  call: 'enqueue' | 'many' | 'later' | 'status' | 'handle' | 'cancel' | 'retry' | 'remove' | 'get' | 'delete'
  id: string
  /** Undefined: the id alone. */
  queue?: string | undefined
}

const step: fc.Arbitrary<Step> = fc.record({
  call: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('enqueue', 'enqueue', 'enqueue', 'many') },
    { weight: 6, arbitrary: fc.constantFrom('later', 'status', 'handle', 'cancel', 'retry', 'remove', 'get', 'delete') }
  ),
  id: fc.constantFrom(...IDS),
  queue: fc.constantFrom(...QUEUES, undefined)
}) as fc.Arbitrary<Step>

/** Few ids in a program, so that they meet. */
const program = fc.tuple(fc.uniqueArray(fc.constantFrom(...IDS), { minLength: 1, maxLength: 3 }), fc.array(step, {
  minLength: 1, maxLength: 40, size: 'max'
})).map(([ids, steps]) => steps.map((step, i) => ({ ...step, id: ids[i % ids.length]! })))

interface Task { data: string, state: string }

type Mode = 'redis' | 'memory'

const makeIdentity = (mode: Mode): MakeArea => url => {
  let opened: OpenApp
  /** By queue, then by id. */
  let model: Map<string, Map<string, Task>>
  let lives = 0

  const start = async (): Promise<void> => {
    const options = { queues: [...QUEUES], routes: { cancel: true }, mode }
    opened = await openApp(url, options as any, app => { app.tasks.define('rests', { expose: ['data'] } as any) })
  }

  const holders = (id: string): string[] => QUEUES.filter(queue => model.get(queue)!.has(id))

  /** The queues in which a call may find the id: one, none, or too many. */
  const found = ({ id, queue }: Step): string[] => queue === undefined
    ? holders(id)
    : holders(id).filter(holder => holder === queue)

  const enqueue = async ({ id, queue = 'default', call }: Step): Promise<void> => {
    const data = `life ${++lives} in ${queue}`
    const before = model.get(queue)!.get(id)
    const options = { id, queue, ...call === 'later' && { delay: 3_600_000 } }
    const { tasks } = opened.app
    const outcome = await outcomeOf(async () => call === 'many'
      ? (await tasks.enqueueMany('rests', [{ data, ...options }]))[0]!
      : await tasks.enqueue('rests', data, options))
    if ('error' in outcome) {
      checkErrorCode(outcome.error)
      return check(before === undefined && !('created' in outcome), 'an id was refused that was taken before', id)
    }
    check(outcome.value.created === (before === undefined), 'created is wrong', id, queue, outcome.value.created)
    if (!before) model.get(queue)!.set(id, { data, state: call === 'later' ? 'delayed' : 'waiting' })
  }

  /** What a cancel, a remove or a DELETE does to the model. */
  const change = ({ id, call }: Step, queue: string): string => {
    const tasks = model.get(queue)!
    const task = tasks.get(id)!
    if (call === 'remove') {
      tasks.delete(id)
      return 'removed'
    }
    if (call === 'retry') return 'refused'
    if (task.state === 'cancelled') return 'finished'
    task.state = 'cancelled'
    return 'cancelled'
  }

  const checkTask = (record: any, id: string, queue: string): void => {
    const expected = model.get(queue)!.get(id)
    const seen = record && { data: record.data, state: record.state }
    const same = record ? expected?.data === record.data && expected?.state === record.state : expected === undefined
    check(same && (!record || (record.id === id && record.queue === queue)), 'another task', id, queue, seen, expected)
  }

  /** Calls the API. By the id alone an id of two queues is an error. */
  const call = async (step: Step): Promise<void> => {
    const { id, queue } = step
    const places = found(step)
    const where = queue === undefined ? undefined : { queue }
    const outcome = await outcomeOf<any>(() => (opened.app.tasks as any)[step.call](id, where))
    if (places.length > 1) {
      const code = 'error' in outcome ? outcome.error.code : undefined
      return check(code === 'FST_TASKS_ID_AMBIGUOUS', 'an id of several queues was taken', id, outcome)
    }
    if ('error' in outcome) throw outcome.error
    if (places.length === 0) return check(outcome.value === null || outcome.value === 'unknown', 'found', id, outcome)
    if (step.call === 'status') return checkTask(outcome.value, id, places[0]!)
    if (step.call === 'handle') return checkTask(await outcome.value.status(), id, places[0]!)
    const expected = change(step, places[0]!)
    check(outcome.value === expected, `${step.call}: not ${expected}`, id, places[0], outcome.value)
  }

  /** The same over HTTP: GET, or DELETE, which cancels. */
  const request = async (step: Step): Promise<void> => {
    const { id, queue, call } = step
    const places = found(step)
    const path = `/tasks/${encodeURIComponent(id)}${queue === undefined ? '' : `?queue=${queue}`}`
    const { statusCode, body } = await opened.app.inject({ method: call === 'get' ? 'GET' : 'DELETE', url: path })
    if (places.length !== 1) {
      return check(statusCode === (places.length === 0 ? 404 : 409), `${path}: status ${statusCode}`, places, body)
    }
    if (call === 'get') {
      check(statusCode === 200, `${path}: status ${statusCode}`, body)
      return checkTask(JSON.parse(body), id, places[0]!)
    }
    const expected = change({ ...step, call: 'cancel' }, places[0]!) === 'cancelled' ? 200 : 409
    check(statusCode === expected, `DELETE ${path}: ${statusCode}, not ${expected}`, body)
  }

  const run = (step: Step): Promise<void> => {
    if (step.call === 'enqueue' || step.call === 'many' || step.call === 'later') return enqueue(step)
    return step.call === 'get' || step.call === 'delete' ? request(step) : call(step)
  }

  /** Every task of the model is there as it says, under its own location too; no queue has another. */
  const checkAll = async (ids: Set<string>): Promise<void> => {
    for (const queue of QUEUES) {
      for (const id of ids) checkTask(await opened.app.tasks.status(id, { queue }), id, queue)
      for (const id of model.get(queue)!.keys()) {
        const { location } = (await opened.app.tasks.handle(id, { queue }))!
        checkTask((await opened.app.inject(location!)).json(), id, queue)
      }
      await checkList(queue)
    }
  }

  /** A list of the queue has its tasks, and no others. */
  const checkList = async (queue: string): Promise<void> => {
    const states = ['waiting', 'delayed', 'cancelled'] as const
    const pages = await Promise.all(states.map(state => opened.app.tasks.list({ state, queue })))
    const listed = pages.flatMap(({ tasks }, i) => tasks.map(({ id, data }) => `${states[i]} ${id} ${data}`)).sort()
    const expected = [...model.get(queue)!].map(([id, { state, data }]) => `${state} ${id} ${data}`).sort()
    check(listed.join('\n') === expected.join('\n'), 'another list', queue, listed, expected)
    if (mode === 'memory') return
    const stored = await opened.redis.hlen(opened.key('jobs', queue))
    check(stored === expected.length, 'the number of records', queue, stored, expected.length)
  }

  /** The memory of the app is its store. */
  const clear = async (): Promise<void> => {
    if (mode === 'redis') return void await opened.clear()
    await opened.close()
    await start()
  }

  return {
    name: mode === 'redis' ? 'identity' : 'identity in memory',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'ids in several queues',
        weight: 4,
        batch: 20,
        arbitrary: program,
        async attempt (steps: Step[]) {
          await clear()
          model = new Map(QUEUES.map(queue => [queue, new Map()]))
          for (const step of steps) await run(step)
          await checkAll(new Set(steps.map(({ id }) => id)))
          return steps.length
        }
      })
    ]
  }
}

export const identity = makeIdentity('redis')
export const identityInMemory = makeIdentity('memory')
