/**
 * One connection that listens for all of this process, and exists only while somebody listens.
 */
import { disconnect, duplicateSubscriber, type RedisClient } from './connection.ts'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../../timers.ts'
import type { PubSub } from '../store-contract.ts'

type Listener = (message: string) => void
type Report = (error: Error, client: RedisClient) => void

/** How long an unused connection is kept for the next listener, in ms. */
const IDLE_CLOSE_MS = 1_000
/** How often the connection is checked, in ms: a connection that only listens would never notice that it is dead. */
const PING_INTERVAL_MS = 5_000

export class Subscriber implements PubSub {
  readonly #source: RedisClient
  readonly #report: Report
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #resyncCallbacks = new Set<() => void>()
  #client: RedisClient | null = null
  #closed = false
  #idleTimer: NodeJS.Timeout | undefined
  #pingTimer: NodeJS.Timeout | undefined

  /** @param report called with each error of the connection, and of each subscription that was refused */
  constructor (source: RedisClient, report: Report = () => {}) {
    this.#source = source
    this.#report = report
  }

  async listen (channel: string, listener: Listener): Promise<() => void> {
    if (this.#closed) return () => {}
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    // Also for a second listener: the confirmation of the first one may still be on its way.
    // A failure needs no handling: all channels are subscribed again at reconnect, and listeners are told to resync.
    const client = this.#connected()
    await client.subscribe(channel).catch(error => this.#report(error, client))
    return () => this.#drop(channel, listener)
  }

  onResync (callback: () => void): () => void {
    this.#resyncCallbacks.add(callback)
    return () => this.#resyncCallbacks.delete(callback)
  }

  #connected (): RedisClient {
    clearTimeout(this.#idleTimer)
    if (this.#client) return this.#client
    const client: RedisClient = duplicateSubscriber(this.#source, 'subscriber', error => this.#report(error, client))
    client.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message)
    })
    client.on('ready', () => { void this.#resubscribe(client) })
    // If no reply comes, ioredis gives the connection up and connects again.
    this.#pingTimer = setInterval(() => { client.ping().catch(() => {}) }, PING_INTERVAL_MS).unref()
    return (this.#client = client)
  }

  /** ioredis does not repeat a subscribe that was on its way when the connection broke. */
  async #resubscribe (client: RedisClient): Promise<void> {
    const channels = [...this.#listeners.keys()]
    if (channels.length === 0) return
    const subscribed = await client.subscribe(...channels).then(() => true, error => this.#report(error, client))
    if (subscribed) for (const callback of this.#resyncCallbacks) callback()
  }

  #drop (channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel)
    if (!listeners?.delete(listener) || listeners.size > 0) return
    this.#listeners.delete(channel)
    this.#client?.unsubscribe(channel).catch(() => {})
    if (this.#listeners.size === 0) this.#idleTimer = setTimeout(() => void this.#disconnect(), IDLE_CLOSE_MS).unref()
  }

  /** From now on nothing is listened to. */
  async close (): Promise<void> {
    this.#closed = true
    await this.#disconnect()
  }

  async #disconnect (): Promise<void> {
    clearTimeout(this.#idleTimer)
    clearInterval(this.#pingTimer)
    const client = this.#client
    this.#client = null
    if (client) await disconnect(client)
  }
}
