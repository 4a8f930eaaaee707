/**
 * Layer 1: Bee-Queue's producer, and what it is handed for a Redis client.
 *
 * Bee-Queue knows a client by the name of its class, waits for it with node_redis' words, and speaks in callbacks; a
 * client of ioredis that it does not know makes it dial 127.0.0.1:6379 without a word. So it gets an object of ours, by
 * composition: always ready (who waits for Redis, and for how long, is decided by the caller), with the few commands
 * that a producer sends.
 */
import { EventEmitter } from 'node:events'
import BeeQueue from 'bee-queue'
import { makeScript, runScript, script } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { NewJob } from '../contract.ts'

type Callback = (error: unknown, reply?: unknown) => void

/** One call of Bee-Queue's addJob or addDelayedJob. */
interface Addition extends NewJob { done: Callback }

/** Bounds one Lua call. */
const BATCH = 500

/**
 * Must be named Redis: Bee-Queue recognises `constructor.name`.
 *
 * A producer sends nothing but addJob and addDelayedJob, one call a job. The first of a tick goes out at once; those that
 * follow in it go together, in one call of our own script, which does the same.
 */
class Redis extends EventEmitter {
  readonly ready = true
  readonly #client: RedisClient
  readonly #keys: string[]
  readonly #channel: string
  #gathered: Addition[] = []
  #gathering = false

  constructor (client: RedisClient, prefix: string) {
    super()
    this.#client = client
    this.#keys = ['jobs', 'waiting', 'delayed'].map(key => prefix + key)
    this.#channel = `${prefix}earlierDelayed`
  }

  /** `script exists` and `script load`: the scripts are ours, and go to Redis when they are first run. */
  script (verb: 'exists' | 'load', text: string, done: Callback): void {
    done(null, verb === 'exists' ? [0] : makeScript(text).sha)
  }

  evalsha (...args: any[]): void {
    const addition = additionOf(args)
    if (this.#gathering) return void this.#gathered.push(addition)
    this.#gathering = true
    setImmediate(() => {
      this.#gathering = false
      this.#send(this.#gathered.splice(0))
    })
    this.#send([addition])
  }

  #send (additions: Addition[]): void {
    for (let i = 0; i < additions.length; i += BATCH) void this.#settle(additions.slice(i, i + BATCH))
  }

  async #settle (batch: Addition[]): Promise<void> {
    try {
      const saved = await this.add(batch)
      batch.forEach(({ id, done }, i) => done(null, saved[i] ? id : null))
    } catch (error) {
      for (const { done } of batch) done(error)
    }
  }

  /** Saves jobs in one step; for each, whether it was saved. */
  async add (jobs: NewJob[]): Promise<boolean[]> {
    if (jobs.length === 0) return []
    const args: Array<string | number> = [this.#channel]
    for (const { id, text, delay } of jobs) args.push(id, text, delay ?? '')
    const saved: number[] = await runScript(this.#client, script('add'), this.#keys, args)
    return saved.map(one => one === 1)
  }
}

/** sha, number of keys, keys (four where it is delayed), id, record, time where it is delayed, callback */
function additionOf ([, keyCount, ...rest]: any[]): Addition {
  return { id: rest[keyCount], text: rest[keyCount + 1], delay: keyCount === 4 ? rest[6] : undefined, done: rest.at(-1) }
}

/** The producer of one queue. */
export class BeeProducer {
  readonly #client: Redis
  readonly #queue: any

  constructor (client: RedisClient, name: string, prefix: string) {
    this.#client = new Redis(client, `${prefix}:${name}:`)
    this.#queue = new BeeQueue(name, {
      prefix,
      redis: this.#client as any,
      isWorker: false,
      getEvents: false, // garbage on its channel throws in every process that listens
      sendEvents: false,
      storeJobs: false, // its map of jobs is never emptied without events
      activateDelayedJobs: false,
      quitCommandClient: false
    })
    // Without a listener an error ends the process. What fails is seen by whoever called.
    this.#queue.on('error', () => {})
  }

  #job (job: NewJob): any {
    const made = this.#queue.createJob().setId(job.id)
    made.options.delay = job.delay
    made.toData = () => job.text // made once, by our codec, where its size was checked
    return made
  }

  /** Saves a job; false where its id is taken. */
  async save (job: NewJob): Promise<boolean> {
    const saved = await this.#job(job).save()
    return saved.id !== null
  }

  /** Saves jobs in one step, or none; for each, as `save`. Without Bee-Queue's objects, which cost more than all the rest. */
  saveAll (jobs: NewJob[]): Promise<boolean[]> { return this.#client.add(jobs) }

  async close (): Promise<void> {
    await this.#queue.close()
  }
}
