/**
 * What the guard thread does. It looks whether the event loop of the app turns. If it has not for some time, because a
 * task computes, the thread gives back what the workers have claimed and not started, and what claims that are on their
 * way bring: other workers can start it.
 */
import { ClaimPage, type TakenClaim } from './claim-page.ts'
import {
  TURNS, TURN_MS, HELD_MS, WATCHED, type FromGuard, type GuardedConsumer, type ToGuard
} from './guard-messages.ts'
import { toToken } from '../store/claim-token.ts'
import { clearInterval, clearTimeout, setInterval, setTimeout, sleep, uptime } from '../timers.ts'
import type { ClaimRef } from '../store/contract.ts'
import type { OpenThreadStore, StoreAccess, ThreadStore } from '../store/store-contract.ts'

/** Bounds one Lua call. */
const BATCH = 200
/** Before a failed call is repeated, in ms. */
const PAUSE_MS = 200
/** How long it tries, in ms. Then the lease of the worker has expired, or its event loop turns again. */
const MAX_TRIES_MS = 60_000
/** How long a connection that is not used is kept, in ms. */
const KEEP_MS = 10_000

export class GuardThread {
  readonly #control: Int32Array
  readonly #say: (message: FromGuard) => void
  readonly #pages = new Set<ClaimPage>()
  readonly #consumers = new Map<number, GuardedConsumer>()
  readonly #stores = new Map<number, SharedStore>()
  #timer: NodeJS.Timeout | null = null
  #turns = 0
  #turnedAt = 0

  constructor (control: SharedArrayBuffer, say: (message: FromGuard) => void) {
    this.#control = new Int32Array(control)
    this.#say = say
  }

  tell (message: ToGuard): void {
    switch (message.kind) {
      case 'page': return void this.#pages.add(new ClaimPage(message.memory))
      case 'join': return void this.#consumers.set(message.consumer, message)
      case 'leave': return this.#leave(message.consumer)
      case 'watch': return this.#watch()
      default: return message satisfies never
    }
  }

  #leave (consumer: number): void {
    const left = this.#consumers.get(consumer)
    this.#consumers.delete(consumer)
    if (!left || [...this.#consumers.values()].some(({ store }) => store === left.store)) return
    this.#stores.get(left.store)?.close()
    this.#stores.delete(left.store)
  }

  #watch (): void {
    this.#turnedAt = uptime()
    this.#timer ??= setInterval(() => this.#look(), TURN_MS)
  }

  #look (): void {
    const turns = Atomics.load(this.#control, TURNS)
    const isTurning = turns !== this.#turns
    if (isTurning) {
      this.#turns = turns
      this.#turnedAt = uptime()
    }
    if (Atomics.load(this.#control, WATCHED) === 0) this.#rest()
    else if (!isTurning && uptime() - this.#turnedAt >= HELD_MS) this.#takeAll()
  }

  /** Until the app says `watch` again. */
  #rest (): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  #takeAll (): void {
    const taken: TakenClaim[] = []
    for (const page of this.#pages) {
      const claim = page.take()
      if (!claim) continue
      this.#pages.delete(page)
      taken.push(claim)
    }
    for (const consumer of this.#consumers.values()) {
      const claims = taken.filter(claim => claim.consumer === consumer.consumer)
      if (claims.length > 0) void this.#release(consumer, claims.sort((a, b) => a.number - b.number))
    }
  }

  /** Tries until it has succeeded. Each call may be made twice: a claim that was given back is not the token's. */
  async #release (consumer: GuardedConsumer, claims: TakenClaim[]): Promise<void> {
    const since = uptime()
    while (this.#consumers.get(consumer.consumer) === consumer && uptime() - since < MAX_TRIES_MS) {
      try {
        return await this.#tryToRelease(consumer, claims)
      } catch (error) {
        this.#say({ kind: 'failed', consumer: consumer.consumer, message: String(error) })
        await sleep(PAUSE_MS)
      }
    }
  }

  async #tryToRelease ({ worker, queue: name, store, access }: GuardedConsumer, claims: TakenClaim[]): Promise<void> {
    let shared = this.#stores.get(store)
    if (!shared) this.#stores.set(store, shared = new SharedStore(access))
    const queue = (await shared.use()).queue(name)
    const found: ClaimRef[] = []
    for (const { number, ids } of claims) {
      const token = toToken(worker, number)
      // From now on a wait of the token claims nothing.
      if (ids) for (const id of ids) found.push({ id, token })
      else found.push(...(await queue.cancelWait(token)).jobs)
    }
    // The last ones first: each call puts its tasks before those of the call before.
    for (let end = found.length; end > 0; end -= BATCH) await queue.release(found.slice(Math.max(0, end - BATCH), end))
  }
}

/** Opened when it is needed, and closed when it was not for some time. */
class SharedStore {
  readonly #access: StoreAccess
  #store: Promise<ThreadStore> | null = null
  #timer: NodeJS.Timeout | undefined

  constructor (access: StoreAccess) {
    this.#access = access
  }

  use (): Promise<ThreadStore> {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.close(), KEEP_MS)
    this.#store ??= this.#open().catch(error => {
      this.#store = null
      throw error
    })
    return this.#store
  }

  async #open (): Promise<ThreadStore> {
    const { open } = await import(this.#access.module) as { open: OpenThreadStore }
    return open(this.#access.options)
  }

  close (): void {
    clearTimeout(this.#timer)
    void this.#store?.then(store => store.close(), () => {})
    this.#store = null
  }
}
