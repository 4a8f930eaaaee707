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
import { makeScript, runScript, type Script } from './scripts.ts'
import type { RedisClient } from './connection.ts'

type Callback = (error: unknown, reply?: unknown) => void

/** Must be named Redis: Bee-Queue recognises `constructor.name`. */
class Redis extends EventEmitter {
  readonly ready = true
  readonly #client: RedisClient
  readonly #scripts = new Map<string, Script>()

  constructor (client: RedisClient) {
    super()
    this.#client = client
  }

  /** `script exists` and `script load` stay in this process: a script goes to Redis when it is first run. */
  script (verb: 'exists' | 'load', text: string, done: Callback): void {
    if (verb === 'exists') return done(null, [0])
    const loaded = makeScript(text)
    this.#scripts.set(loaded.sha, loaded)
    done(null, loaded.sha)
  }

  evalsha (sha: string, keyCount: number, ...rest: any[]): void {
    const done: Callback = rest.pop()
    const keys = rest.slice(0, keyCount)
    runScript(this.#client, this.#scripts.get(sha)!, keys, rest.slice(keyCount)).then(reply => done(null, reply), done)
  }

  /** ioredis sends what is written in one tick together: a batch needs no more than to be waited for. */
  batch (): { evalsha: (...args: any[]) => void, exec: (done: Callback) => void } {
    const sent: Array<Promise<void>> = []
    return {
      evalsha: (sha, keyCount, ...rest) => {
        const done: Callback = rest.pop()
        sent.push(new Promise(resolve => {
          this.evalsha(sha, keyCount, ...rest, (error: unknown, reply: unknown) => { done(error, reply); resolve() })
        }))
      },
      exec: done => { Promise.all(sent).then(() => done(null), done) }
    }
  }
}

/** A job that is ready to be saved. */
export interface NewJob {
  id: string
  /** The record, as JSON of Bee-Queue's shape. */
  text: string
  /** Ms since 1970, where it is delayed. */
  delay?: number
}

/** The producer of one queue. */
export class BeeProducer {
  readonly #queue: any

  constructor (client: RedisClient, name: string, prefix: string) {
    this.#queue = new BeeQueue(name, {
      prefix,
      redis: new Redis(client) as any,
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

  /** Saves jobs together; for each, as `save`. Rejects with the first error: others may be saved. */
  async saveAll (jobs: NewJob[]): Promise<boolean[]> {
    const made = jobs.map(job => this.#job(job))
    const failures: Map<unknown, Error> = await this.#queue.saveAll(made)
    const [failure] = failures.values()
    if (failure) throw failure
    return made.map(job => job.id !== null)
  }

  async close (): Promise<void> {
    await this.#queue.close()
  }
}
