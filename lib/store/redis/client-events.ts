/**
 * The events of a client, with one listener for each of them: every registration of the plugin listens to the app's own
 * client, whose limit of listeners is the app's.
 */
import type { Cluster, Redis } from 'ioredis'

type RedisClient = Redis | Cluster
type ClientEvent = 'ready' | 'close' | 'end' | 'error'
type Listener = (error: Error) => void

export class ClientEvents {
  readonly #client: RedisClient
  readonly #listeners = new Map<ClientEvent, { all: Set<Listener>, dispatch: Listener }>()

  constructor (client: RedisClient) {
    this.#client = client
  }

  on (event: ClientEvent, listener: Listener): this {
    let known = this.#listeners.get(event)
    if (!known) {
      const all = new Set<Listener>()
      known = { all, dispatch: error => { for (const each of [...all]) each(error) } }
      this.#listeners.set(event, known)
      this.#client.on(event as 'error', known.dispatch)
    }
    known.all.add(listener)
    return this
  }

  off (event: ClientEvent, listener: Listener): this {
    const known = this.#listeners.get(event)
    if (!known?.all.delete(listener) || known.all.size > 0) return this
    this.#listeners.delete(event)
    this.#client.off(event as 'error', known.dispatch)
    return this
  }
}

const known = new WeakMap<RedisClient, ClientEvents>()

export function eventsOf (client: RedisClient): ClientEvents {
  let events = known.get(client)
  if (!events) known.set(client, events = new ClientEvents(client))
  return events
}
