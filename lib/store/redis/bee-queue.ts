/**
 * Bee-Queue's producer, and the Redis client that it gets.
 *
 * Bee-Queue recognises a client by the name of its class, waits for it with the events of node_redis, and uses
 * callbacks. A client of ioredis that it does not recognise makes it connect to 127.0.0.1:6379 without a word. So it
 * gets an adapter: always ready (callers decide how long they wait for Redis), with the few commands of a producer.
 */
import { EventEmitter } from 'node:events'
import BeeQueue from 'bee-queue'
import { endOfBatch } from '../batches.ts'
import { addArguments } from './codec.ts'
import { runScript } from './run-script.ts'
import { entriesOf, withExtras } from './extras.ts'
import { isFirstOfTick } from './tick.ts'
import type { QueueKeys } from './keys.ts'
import type { RedisClient } from './connection.ts'
import type { NewJob } from '../contract.ts'

type Callback = (error: unknown, reply?: unknown) => void

/** A call of Bee-Queue's addJob or addDelayedJob. */
interface Addition extends NewJob { done: Callback }

/** Bounds one Lua call. */
const BATCH = 500

/**
 * Its name must be Redis: Bee-Queue looks at `constructor.name`. A minifier may rename the class, so the name is set.
 *
 * A producer calls nothing but the scripts addJob and addDelayedJob, once for each job. The first call of a turn of the
 * event loop is sent at once. Those that follow in the same turn are sent together, by one call of add.lua.
 */
class Adapter extends EventEmitter {
  static { Object.defineProperty(this, 'name', { value: 'Redis' }) }

  readonly ready = true
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  /** Ids that their callers chose. */
  readonly #ownIds = new Set<string>()
  #additions: Addition[] = []

  constructor (client: RedisClient, keys: QueueKeys) {
    super()
    this.#client = client
    this.#keys = keys
  }

  evalsha (...args: any[]): void {
    const addition = toAddition(args)
    addition.ownId = this.#ownIds.delete(addition.id)
    const isFirst = isFirstOfTick(this, () => this.#send(this.#additions.splice(0)))
    if (isFirst) this.#send([addition])
    else this.#additions.push(addition)
  }

  /** To be called before the job of an id that its caller chose is saved. */
  expectOwnId (id: string): void { this.#ownIds.add(id) }

  #send (additions: Addition[]): void {
    for (let i = 0, end = 0; i < additions.length; i = end) {
      end = endOfBatch(additions, i, BATCH, ({ text }) => text.length)
      void this.#addBatch(additions.slice(i, end))
    }
  }

  async #addBatch (batch: Addition[]): Promise<void> {
    try {
      const added = await this.add(batch)
      batch.forEach(({ id, done }, i) => done(null, added[i] ? id : null))
    } catch (error) {
      for (const { done } of batch) done(error)
    }
  }

  /** Stores jobs in one step. For each: false if its id is taken. */
  async add (jobs: NewJob[]): Promise<boolean[]> {
    if (jobs.length === 0) return []
    const args = addArguments(this.#keys.earlierDelayed, jobs)
    const keys = jobs.some(({ ownId }) => ownId) ? this.#keys.of('add') : this.#keys.ofNewTasks
    const call = withExtras(this.#keys, 'add', keys, args, entriesOf(jobs))
    const codes: number[] = await runScript(this.#client, ...call)
    return codes.map(code => code === 1)
  }
}

/** The arguments: sha, number of keys, keys (a fourth for a delayed job), id, record, due time if delayed, callback. */
function toAddition ([, keyCount, ...rest]: any[]): Addition {
  const delay = keyCount === 4 ? rest[6] : undefined
  return { id: rest[keyCount], text: rest[keyCount + 1], delay, done: rest.at(-1) }
}

/** The producer of one queue. */
export class BeeProducer {
  readonly #client: Adapter
  readonly #queue: any

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = new Adapter(client, keys)
    this.#queue = new BeeQueue(keys.beeQueueName, {
      prefix: keys.appPrefix,
      redis: this.#client as any,
      isWorker: false,
      ensureScripts: false, // it would read its Lua files, which are not beside a bundle. The adapter has its own
      getEvents: false, // a message that is not JSON throws in every process that listens
      sendEvents: false,
      storeJobs: false, // without events its map of jobs would only grow
      activateDelayedJobs: false,
      quitCommandClient: false
    })
    // Without a listener an error would end the process. The caller of a failed call gets the error.
    this.#queue.on('error', () => {})
  }

  #toBeeJob (job: NewJob): any {
    const beeJob = this.#queue.createJob().setId(job.id)
    beeJob.options.delay = job.delay
    beeJob.toData = () => job.text // encoded already, where its size was checked
    return beeJob
  }

  /** Stores a job. False if its id is taken. */
  async save (job: NewJob): Promise<boolean> {
    if (job.ownId) this.#client.expectOwnId(job.id)
    const saved = await this.#toBeeJob(job).save()
    return saved.id !== null
  }

  /** Stores all jobs in one step, or none. Without Bee-Queue's objects: they cost more than everything else here. */
  saveAll (jobs: NewJob[]): Promise<boolean[]> { return this.#client.add(jobs) }

  async close (): Promise<void> {
    await this.#queue.close()
  }
}
