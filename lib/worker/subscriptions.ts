/**
 * What a consumer listens to, until it closes.
 */
import type { PubSub } from '../store/store-contract.ts'
import type { PersistentCalls } from './persistent-call.ts'

export class Subscriptions {
  readonly #pubSub: PubSub
  readonly #calls: PersistentCalls
  readonly #unsubscribers: Array<() => void> = []

  constructor (pubSub: PubSub, calls: PersistentCalls) {
    this.#pubSub = pubSub
    this.#calls = calls
  }

  /** Calls back when messages may have been missed. */
  onResync (callback: () => void): void { this.#unsubscribers.push(this.#pubSub.onResync(callback)) }

  /** Not after the worker has closed: a connection would be opened that nobody closes. */
  async listen (channel: string, listener: (message: string) => void): Promise<void> {
    if (this.#calls.closed) return
    const end = await this.#pubSub.listen(channel, listener)
    if (this.#calls.closed) end()
    else this.#unsubscribers.push(end)
  }

  end (): void { for (const unsubscribe of this.#unsubscribers) unsubscribe() }
}
