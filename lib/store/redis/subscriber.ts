/**
 * Layer 1: one connection that listens for all of this process, and only while someone does.
 *
 * Messages are hints: anyone may publish anything. A listener reads the truth from the record.
 */
import { disconnect, duplicateSubscriber, type RedisClient } from './connection.ts'

type Listener = (message: string) => void

/** A connection that nobody needs stays for a moment, for the next who waits, in ms. */
const IDLE_CLOSE_MS = 1_000
/** How often it is asked whether the connection lives, in ms: one that only listens would never know. */
const PING_INTERVAL_MS = 5_000

export class Subscriber {
  readonly #source: RedisClient
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #resyncCallbacks = new Set<() => void>()
  #client: RedisClient | null = null
  #idleTimer: NodeJS.Timeout | undefined
  #pingTimer: NodeJS.Timeout | undefined

  constructor (source: RedisClient) {
    this.#source = source
  }

  /** Listens to a channel; resolves once Redis has confirmed, with what ends it. */
  async listen (channel: string, listener: Listener): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    // Also for the second listener: the first one's confirmation may be on its way still.
    await this.#connected().subscribe(channel).catch(() => {}) // it is subscribed to again at reconnect, then resync tells
    return () => this.#drop(channel, listener)
  }

  /** Calls back whenever the connection is there again: messages may have been missed. Returns what ends it. */
  onResync (callback: () => void): () => void {
    this.#resyncCallbacks.add(callback)
    return () => this.#resyncCallbacks.delete(callback)
  }

  #connected (): RedisClient {
    clearTimeout(this.#idleTimer)
    if (this.#client) return this.#client
    const client = duplicateSubscriber(this.#source, 'subscriber')
    client.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message)
    })
    client.on('ready', () => {
      // A subscribe that was on its way when the connection broke is not among those that ioredis repeats.
      const channels = [...this.#listeners.keys()]
      if (channels.length === 0) return
      client.subscribe(...channels).then(() => { for (const callback of this.#resyncCallbacks) callback() }, () => {})
    })
    this.#pingTimer = setInterval(() => { client.ping().catch(() => {}) }, PING_INTERVAL_MS).unref() // without an answer it is dialled anew
    return (this.#client = client)
  }

  #drop (channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel)
    if (!listeners?.delete(listener) || listeners.size > 0) return
    this.#listeners.delete(channel)
    this.#client?.unsubscribe(channel).catch(() => {})
    if (this.#listeners.size === 0) this.#idleTimer = setTimeout(() => this.close(), IDLE_CLOSE_MS).unref()
  }

  async close (): Promise<void> {
    clearTimeout(this.#idleTimer)
    clearInterval(this.#pingTimer)
    const client = this.#client
    this.#client = null
    if (client) await disconnect(client)
  }
}
