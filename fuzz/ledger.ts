/**
 * An app that only enqueues, and a look at Redis itself: what is there, and whether anything has changed.
 */
import type { FastifyInstance } from 'fastify'
import { openApp, type OpenApp } from './app.ts'
import { must, mustBeCoded, outcomeOf } from './checks.ts'
import type { TaskHandle } from '../lib/types.ts'

const numbers = ['timestamp', 'retries', 'attempts', 'timeout', 'delay', 'expires', 'ttl']
const strategies = ['immediate', 'fixed', 'exponential']

export class Ledger {
  readonly #open: OpenApp
  #changes = 0

  private constructor (open: OpenApp) { this.#open = open }

  static async open (url: string): Promise<Ledger> {
    const open = await openApp(url, { queues: ['mail'] }, app => {
      app.tasks.define('a-task')
      app.tasks.define('another')
      app.tasks.define('strict', { schema: { data: { type: 'object', required: ['a'], properties: { a: { type: 'integer', default: 1 }, b: { type: 'array' } } } } } as any)
    })
    const ledger = new Ledger(open)
    await ledger.#clear()
    return ledger
  }

  get app (): FastifyInstance { return this.#open.app }

  close (): Promise<void> { return this.#open.close() }

  async #clear (): Promise<void> {
    await this.#open.clear()
    this.#changes = await this.#count()
  }

  /** Redis counts every change that a command made. */
  async #count (): Promise<number> {
    return Number(/rdb_changes_since_last_save:(\d+)/.exec(await this.#open.redis.info('persistence'))![1])
  }

  async mustBeUnchanged (): Promise<void> {
    const changes = await this.#count()
    if (changes === this.#changes) return
    await this.#clear()
    throw new Error('it was refused, and yet keys in Redis have changed')
  }

  /** The task is in Redis, once, with exactly this data; then it is taken out. */
  async mustHave ({ id, queue, name, created, snapshot }: TaskHandle, json: string | undefined | null): Promise<void> {
    const { redis, key } = this.#open
    const [record, waiting, delayedTo] = await Promise.all([redis.hget(key('jobs', queue), id), redis.lrange(key('waiting', queue), 0, -1), redis.zscore(key('delayed', queue), id)])
    await this.#clear()
    must(created && snapshot?.id === id && snapshot.name === name, 'the handle is another\'s', snapshot)
    must(record !== null, 'there is no record')
    const { data, options, status } = JSON.parse(record)
    must(data.name === name && status === 'created', 'the record is another', record)
    if (name !== 'strict') must(JSON.stringify(data.data) === (json == null ? undefined : JSON.stringify(JSON.parse(json))), 'the data is another', data.data, json)
    mustBeSound(options)
    must(waiting.filter(one => one === id).length + (delayedTo === null ? 0 : 1) === 1, 'it does not stand in one list', waiting, delayedTo)
    must((delayedTo !== null) === (options.delay !== undefined) && !(Number(delayedTo) < 0), 'it is delayed to no time', delayedTo, options)
  }

  /** enqueueMany: all or nothing is checked; what JSON carries is `data`'s to show. */
  async many (shape: string, items: any[]): Promise<number> {
    const shapes: Record<string, unknown> = { items, holes: Object.assign(new Array(items.length + 1), items), 'not items': [null, ...items], 'not a list': items[0] ?? null }
    const outcome = await outcomeOf(() => this.app.tasks.enqueueMany('a-task', shapes[shape] as any))
    if ('error' in outcome) {
      mustBeCoded(outcome.error)
      await this.mustBeUnchanged()
    } else {
      const saved = await Promise.all(['default', 'mail'].map(queue => this.#open.redis.hlen(this.#open.key('jobs', queue))))
      const ids = new Set(outcome.value.map(handle => `${handle.queue} ${handle.id}`))
      await this.#clear()
      must(saved[0]! + saved[1]! === ids.size, 'it is not one record for each handle', saved, ids)
    }
    return Math.max(1, items.length)
  }

  /** There is no such task, whatever the id is. */
  async ask (id: any): Promise<number> {
    const { tasks } = this.app
    const asked: Array<[() => Promise<unknown>, unknown]> = [
      [() => tasks.status(id), null], [() => tasks.handle(id), null], [() => tasks.cancel(id), 'unknown'], [() => tasks.retry(id), 'unknown']
    ]
    for (const [ask, answer] of asked) {
      const outcome = await outcomeOf(ask)
      if ('error' in outcome) mustBeCoded(outcome.error)
      else must(outcome.value === answer, 'there is such a task', outcome.value)
    }
    await this.mustBeUnchanged()
    return 1
  }

  /** The second of one id makes no second task, and changes nothing of the first. */
  async twice (first: unknown, second: unknown, sameName: boolean): Promise<number> {
    const { tasks } = this.app
    const one = await outcomeOf(() => tasks.enqueue('a-task', first, { id: 'twice' }))
    if ('error' in one) mustBeCoded(one.error)
    const before = await this.#count()
    const other = await outcomeOf(() => tasks.enqueue(sameName ? 'a-task' : 'another', second, { id: 'twice' }))
    if ('error' in other) mustBeCoded(other.error)
    if ('value' in one) {
      must(await this.#count() === before, 'the second changed something')
      must(!('value' in other) || (sameName && !other.value.created), 'the second was made', other)
    }
    await this.#clear()
    return 2
  }
}

function mustBeSound (options: any): void {
  for (const name of numbers) must(options[name] === undefined || (Number.isSafeInteger(options[name]) && options[name] >= 0), `${name} is no whole number`, options)
  must(options.backoff === undefined || strategies.includes(options.backoff?.strategy), 'the backoff is none', options)
}
