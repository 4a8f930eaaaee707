/**
 * The app's connection to Redis, from the start of the app to its close:
 *
 * 1. waits for Redis at the start, but not for long, and checks it: its version, its memory policy, its clocks;
 * 2. checks again after each reconnect: it may be another server;
 * 3. publishes each outage once, and logs it if the client is ours. The app's own client is the app's to log.
 */
import type { FastifyBaseLogger } from 'fastify'
import { causeOf, LogLimit } from '../../log-limit.ts'
import { toLoggable } from '../../records/failure.ts'
import * as telemetry from '../../telemetry.ts'
import { eventsOf } from './client-events.ts'
import { drop, isLoading, untilReady, type Connection, type RedisClient } from './connection.ts'
import { inspectRedis, missingRights } from './inspect.ts'
import { greetingAfter } from './server-greeting.ts'
import { within } from '../../within.ts'
import { uptime } from '../../timers.ts'
import type { StoreClock } from '../store-contract.ts'

export interface GreetingOptions {
  connection: Connection
  clock: StoreClock
  connectTimeout: number
  prefix: string
  log: FastifyBaseLogger
}

export class Greeting {
  readonly #options: GreetingOptions
  /** Names the plugin instance in telemetry. */
  #instance = ''
  /** An outage was published, and has not ended. */
  #lost = false
  /** An outage was logged, and has not ended. */
  #logged = false
  #stopped = false
  /** Of the last try to connect at the start. */
  #lastError: Error | undefined
  readonly #limit = new LogLimit()

  constructor (options: GreetingOptions) {
    this.#options = options
  }

  /**
   * Waits for Redis, at most `connectTimeout`, and checks it. False if it does not answer: the app starts without it.
   * If it throws, our connection is closed: an app that could not start may never be closed.
   * @throws FST_TASKS_REDIS_REFUSED, FST_TASKS_REDIS_TOO_OLD
   */
  async start (instance: string): Promise<boolean> {
    this.#instance = instance
    this.#listen()
    const { connection: { client, address, owned }, log } = this.#options
    const ready = await this.#greet().catch(error => {
      this.stop()
      if (owned) drop(client)
      throw error
    })
    if (ready) return true
    this.#onLost()
    const err = this.#lastError && toLoggable(this.#lastError)
    const fields = { event: 'redis.unavailable', address, err }
    log.error(fields, 'Redis does not answer: the app starts without it, enqueues and status reads answer 503')
    return false
  }

  async #greet (): Promise<boolean> {
    const { connection: { client, address }, connectTimeout } = this.#options
    const deadline = uptime() + connectTimeout
    const onFailure = (error: Error): void => { this.#lastError = error }
    const connected = await untilReady(client, connectTimeout, address, undefined, onFailure)
    if (!connected) await this.#findCause(client)
    eventsOf(client).on('ready', this.#checkAgain)
    // Redis may stop answering right after it connected: without a deadline Fastify would give up the boot.
    return connected && await within(Math.max(1, deadline - uptime()), this.#check())
  }

  /** Some causes show in no error of ioredis. */
  async #findCause (client: RedisClient): Promise<void> {
    if (await isLoading(client)) this.#lastError = new Error('LOADING the server is loading its data')
    else this.#lastError = await greetingAfter(this.#lastError, client) ?? this.#lastError
  }

  #listen (): void {
    const { client, owned } = this.#options.connection
    eventsOf(client).on('close', this.#onLost).on('ready', this.#onReady)
    if (owned) client.on('error', this.#onError) // it stays: without a listener ioredis prints each failed try
  }

  /** No more checks, and no more reports. Call it before the connection is closed. */
  stop (): void {
    const { client } = this.#options.connection
    this.#stopped = true
    eventsOf(client).off('close', this.#onLost).off('ready', this.#onReady).off('ready', this.#checkAgain)
  }

  async #check (): Promise<void> {
    const { connection: { client, address }, clock, log } = this.#options
    await clock.synchronise()
    const { evictionPolicies, skewMs } = await inspectRedis(client, address)
    for (const policy of evictionPolicies.filter(policy => this.#limit.allows(policy))) {
      const fields = { event: 'redis.eviction_enabled', address, policy }
      log.warn(fields, 'Redis drops keys when its memory is full, waiting tasks too: set maxmemory-policy noeviction')
    }
    await this.#checkRights()
    if (skewMs === 0 || !this.#limit.allows('clocks')) return
    const fields = { event: 'redis.clocks_skewed', address, skewMs }
    log.warn(fields, 'clocks of the cluster differ, delayed tasks start at a wrong time: synchronise them (NTP)')
  }

  async #checkRights (): Promise<void> {
    const { connection: { client, address }, prefix, log } = this.#options
    for (const { right, error } of await missingRights(client, prefix)) {
      if (!this.#limit.allows(right)) continue
      const fields = { event: 'redis.right_missing', address, right, err: toLoggable(error) }
      log.warn(fields, 'user of Redis lacks a right: tasks may start late, be noticed late, or not run at all')
    }
  }

  readonly #checkAgain = (): void => {
    const { connection: { address }, log } = this.#options
    this.#check().catch(error => {
      if (!this.#limit.allows(`check ${causeOf(error)}`)) return
      log.error({ event: 'redis.check_failed', address, err: toLoggable(error) }, 'Redis check failed')
    })
  }

  readonly #onLost = (): void => {
    if (!this.#lost) this.#publish('began')
    this.#lost = true
  }

  readonly #onError = (error: Error): void => {
    if (this.#stopped) return
    this.#onLost()
    if (this.#logged || !this.#limit.allows(`connection ${causeOf(error)}`)) return
    this.#logged = true
    const { connection: { address }, log } = this.#options
    const fields = { event: 'redis.disconnected', address, err: toLoggable(error) }
    log.warn(fields, 'no connection to Redis, reconnecting')
  }

  readonly #onReady = (): void => {
    const { connection: { address }, log } = this.#options
    if (this.#lost) this.#publish('ended')
    if (this.#logged) log.info({ event: 'redis.reconnected', address }, 'connected to Redis')
    this.#lost = false
    this.#logged = false
  }

  #publish (state: telemetry.OutageEvent['state']): void {
    if (!telemetry.outages.hasSubscribers) return
    telemetry.outages.publish({ instance: this.#instance, worker: null, state })
  }
}
