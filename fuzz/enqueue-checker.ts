/**
 * An app without a worker, and checks of its keys in Redis after each call.
 */
import type { FastifyInstance } from 'fastify'
import { openApp, type OpenApp } from './app.ts'
import { check, checkErrorCode, outcomeOf } from './checks.ts'
import type { TaskHandle } from '../lib/types.ts'

const numberOptions = ['timestamp', 'retries', 'attempts', 'timeout', 'delay', 'expires', 'ttl']
const strategies = ['immediate', 'fixed', 'exponential']

export class EnqueueChecker {
  readonly #open: OpenApp
  #changes = 0

  private constructor (open: OpenApp) { this.#open = open }

  static async open (url: string): Promise<EnqueueChecker> {
    const open = await openApp(url, { queues: ['mail'] }, app => {
      app.tasks.define('a-task')
      app.tasks.define('another')
      const properties = { a: { type: 'integer', default: 1 }, b: { type: 'array' } }
      app.tasks.define('strict', { schema: { data: { type: 'object', required: ['a'], properties } } } as any)
    })
    const checker = new EnqueueChecker(open)
    await checker.#clear()
    return checker
  }

  get app (): FastifyInstance { return this.#open.app }

  close (): Promise<void> { return this.#open.close() }

  async #clear (): Promise<void> {
    await this.#open.clear()
    this.#changes = await this.#countChanges()
  }

  /** Number of changes by commands since the start, as Redis counts them. */
  async #countChanges (): Promise<number> {
    return Number(/rdb_changes_since_last_save:(\d+)/.exec(await this.#open.redis.info('persistence'))![1])
  }

  async checkUnchanged (): Promise<void> {
    const changes = await this.#countChanges()
    if (changes === this.#changes) return
    await this.#clear()
    throw new Error('the call was refused, but keys in Redis have changed')
  }

  /** Checks that the task is in Redis, once and with exactly this data. Then removes it. */
  async checkStored (handle: TaskHandle, json: string | undefined | null): Promise<void> {
    const { id, queue, name, created, snapshot } = handle
    const { redis, key } = this.#open
    const [record, waiting, delayedTo] = await Promise.all([
      redis.hget(key('jobs', queue), id),
      redis.lrange(key('waiting', queue), 0, -1),
      redis.zscore(key('delayed', queue), id)
    ])
    await this.#clear()
    check(created && snapshot?.id === id && snapshot.name === name, 'wrong handle', snapshot)
    check(record !== null, 'no record')
    const { data, options, status } = JSON.parse(record)
    check(data.name === name && status === 'created', 'wrong record', record)
    if (name !== 'strict') {
      const expected = json == null ? undefined : JSON.stringify(JSON.parse(json))
      check(JSON.stringify(data.data) === expected, 'wrong data', data.data, json)
    }
    checkOptions(options)
    const entries = waiting.filter(waitingId => waitingId === id).length + (delayedTo === null ? 0 : 1)
    check(entries === 1, 'it must be in exactly one list', waiting, delayedTo)
    const isDelayed = delayedTo !== null
    check(isDelayed === (options.delay !== undefined) && !(Number(delayedTo) < 0), 'wrong delay', delayedTo, options)
  }

  /** Checks that enqueueMany stores all items or nothing. The property `data` checks the stored data. */
  async checkMany (shape: string, items: any[]): Promise<number> {
    const shapes: Record<string, unknown> = {
      items,
      holes: Object.assign(new Array(items.length + 1), items),
      'not items': [null, ...items],
      'not a list': items[0] ?? null
    }
    const outcome = await outcomeOf(() => this.app.tasks.enqueueMany('a-task', shapes[shape] as any))
    if ('error' in outcome) {
      checkErrorCode(outcome.error)
      await this.checkUnchanged()
    } else {
      const { redis, key } = this.#open
      const saved = await Promise.all(['default', 'mail'].map(queue => redis.hlen(key('jobs', queue))))
      const ids = new Set(outcome.value.map(handle => `${handle.queue} ${handle.id}`))
      await this.#clear()
      check(saved[0]! + saved[1]! === ids.size, 'there must be one record for each handle', saved, ids)
    }
    return Math.max(1, items.length)
  }

  /** Checks that each call finds no task with this id, or throws an error with one of our codes. */
  async checkUnknownId (id: any): Promise<number> {
    const { tasks } = this.app
    const calls: Array<[() => Promise<unknown>, unknown]> = [
      [() => tasks.status(id), null],
      [() => tasks.handle(id), null],
      [() => tasks.cancel(id), 'unknown'],
      [() => tasks.retry(id), 'unknown']
    ]
    for (const [call, answer] of calls) {
      const outcome = await outcomeOf(call)
      if ('error' in outcome) checkErrorCode(outcome.error)
      else check(outcome.value === answer, 'a task was found', outcome.value)
    }
    await this.checkUnchanged()
    return 1
  }

  /** Checks that a second enqueue with the same id creates no task, and changes nothing. */
  async checkSameId (first: unknown, second: unknown, sameName: boolean): Promise<number> {
    const { tasks } = this.app
    const firstOutcome = await outcomeOf(() => tasks.enqueue('a-task', first, { id: 'twice' }))
    if ('error' in firstOutcome) checkErrorCode(firstOutcome.error)
    const before = await this.#countChanges()
    const name = sameName ? 'a-task' : 'another'
    const secondOutcome = await outcomeOf(() => tasks.enqueue(name, second, { id: 'twice' }))
    if ('error' in secondOutcome) checkErrorCode(secondOutcome.error)
    if ('value' in firstOutcome) {
      check(await this.#countChanges() === before, 'the second enqueue changed keys')
      const created = 'value' in secondOutcome && !(sameName && !secondOutcome.value.created)
      check(!created, 'the second enqueue created a task', secondOutcome)
    }
    await this.#clear()
    return 2
  }
}

function checkOptions (options: any): void {
  for (const name of numberOptions) {
    const value = options[name]
    check(value === undefined || (Number.isSafeInteger(value) && value >= 0), `${name} must be a whole number`, options)
  }
  check(options.backoff === undefined || strategies.includes(options.backoff?.strategy), 'unknown backoff', options)
}
