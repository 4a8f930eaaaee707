/**
 * Gives back what was claimed and has not started while a task holds the event loop: see guard-thread.ts. All workers
 * of the process share one thread. It starts at the first task that others wait behind, or half a second after the
 * first task, and ends with the last worker.
 *
 * Neither thread does anything while no task runs. While tasks run, this one counts the turns of its event loop.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker as Thread } from 'node:worker_threads'
import type { FastifyBaseLogger } from 'fastify'
import { ClaimPage, Hold, type PagePool } from './claim-page.ts'
import { TURNS, TURN_MS, WATCHED, type FromGuard, type GuardData, type ToGuard } from './guard-messages.ts'
import { LogLimit } from '../log-limit.ts'
import { toLoggable } from '../records/failure.ts'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../timers.ts'
import type { ConsumerOptions } from './consumer-context.ts'
import type { Queue } from '../store/contract.ts'
import type { StoreAccess } from '../store/store-contract.ts'

/** How long after the first task of a process the thread starts, in ms. */
const START_MS = 500

/** With the ending that this file has. Null if a bundler has moved this code away from it. */
const entry = findEntry()

function findEntry (): string | null {
  try {
    const path = fileURLToPath(new URL(`./guard-entry${import.meta.url.slice(-3)}`, import.meta.url))
    return existsSync(path) ? path : null
  } catch {
    return null // a bundle in CommonJS has no import.meta.url
  }
}

/** What the app preloads is not for this thread, unless it is what makes TypeScript run. */
const OPTIONS = { name: 'fastify-tasks', ...entry?.endsWith('.js') && { execArgv: [] } }

export interface GuardedOptions {
  access: StoreAccess
  worker: string
  queue: string
  log: FastifyBaseLogger
  /** Whether a task runs, or waits for its start. */
  isBusy: () => boolean
}

/** From the first consumer that joins until the last one has left. */
class PrefetchGuard implements PagePool {
  readonly #control = new Int32Array(new SharedArrayBuffer(8))
  readonly #consumers = new Map<number, GuardedOptions>()
  readonly #stores = new WeakMap<StoreAccess, number>()
  /** Pages that the thread knows, or is told of when it starts. */
  readonly #pages = new Set<ClaimPage>()
  readonly #free: ClaimPage[] = []
  readonly #limit = new LogLimit()
  #thread: Thread | null = null
  #timer: NodeJS.Timeout | null = null
  #soon: NodeJS.Timeout | null = null
  #lastConsumer = 0
  #lastStore = 0
  #turns = 0
  /** How many pages are in use: claims that are on their way, or have tasks that have not started. */
  #used = 0
  /** Whether there is a thread, or can be one. */
  isAvailable = entry !== null

  join (options: GuardedOptions): number {
    const { access } = options
    if (!this.#stores.has(access)) this.#stores.set(access, ++this.#lastStore)
    const consumer = ++this.#lastConsumer
    this.#consumers.set(consumer, options)
    this.#thread?.postMessage(this.#joining(consumer, options))
    return consumer
  }

  #joining (consumer: number, { access, worker, queue }: GuardedOptions): ToGuard {
    return { kind: 'join', consumer, worker, queue, access, store: this.#stores.get(access)! }
  }

  /** Resolves once the thread has ended, if this was the last consumer. */
  async leave (consumer: number): Promise<void> {
    this.#consumers.delete(consumer)
    this.#thread?.postMessage({ kind: 'leave', consumer } satisfies ToGuard)
    if (this.#consumers.size > 0) return
    if (guard === this) guard = null
    await this.#end()
  }

  async #end (): Promise<void> {
    this.isAvailable = false
    this.#rest()
    if (this.#soon) clearTimeout(this.#soon)
    const thread = this.#thread
    this.#thread = null
    await thread?.terminate()
  }

  // Pages

  take (ids?: string): ClaimPage {
    this.#used++
    const page = this.#free.pop()
    if (page && (ids === undefined || page.fits(ids))) return page
    if (page) this.#free.unshift(page)
    const made = ids === undefined ? new ClaimPage() : ClaimPage.for(ids)
    this.#pages.add(made)
    this.#thread?.postMessage({ kind: 'page', memory: made.memory } satisfies ToGuard)
    return made
  }

  recycle (page: ClaimPage): void {
    this.#used--
    this.#free.push(page)
  }

  drop (page: ClaimPage): void {
    this.#used--
    this.#pages.delete(page)
  }

  // Turns of the event loop

  /** It turns. */
  turned (): void { Atomics.store(this.#control, TURNS, ++this.#turns) }

  /**
   * A task is about to start, or runs.
   * @param now whether others wait behind it
   */
  watch (now: boolean): void {
    if (this.#used === 0 || !this.isAvailable) return
    if (!this.#thread) this.#startThread(now)
    if (this.#timer) return
    this.turned()
    Atomics.store(this.#control, WATCHED, 1)
    this.#thread?.postMessage({ kind: 'watch' } satisfies ToGuard)
    this.#timer = setInterval(() => this.#onTurn(), TURN_MS).unref()
  }

  #onTurn (): void {
    for (const { isBusy } of this.#consumers.values()) if (isBusy()) return this.turned()
    this.#rest()
  }

  #rest (): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    Atomics.store(this.#control, WATCHED, 0)
  }

  // The thread

  /** Many processes end before it is needed: unless somebody waits now, it starts a little later. */
  #startThread (now: boolean): void {
    if (now) this.#start()
    else this.#soon ??= setTimeout(() => { if (!this.#thread && this.isAvailable) this.#start() }, START_MS).unref()
  }

  #start (): void {
    const joining = Array.from(this.#consumers, ([consumer, options]) => this.#joining(consumer, options))
    const pages = Array.from(this.#pages, ({ memory }): ToGuard => ({ kind: 'page', memory }))
    const messages: ToGuard[] = [...joining, ...pages, { kind: 'watch' }]
    const workerData: GuardData = { control: this.#control.buffer as SharedArrayBuffer, messages }
    try {
      const thread = new Thread(entry!, { ...OPTIONS, workerData })
      thread.on('message', (message: FromGuard) => this.#onMessage(message))
      thread.on('error', error => this.#onDeath(error))
      thread.on('exit', code => { if (this.#thread === thread) this.#onDeath(new Error(`it exited with ${code}`)) })
      thread.unref()
      this.#thread = thread
    } catch (error) {
      this.#onDeath(error)
    }
  }

  #onMessage ({ consumer, message }: FromGuard): void {
    const options = this.#consumers.get(consumer)
    if (!options || !this.#limit.allows('calls')) return
    const fields = { event: 'worker.release_failed', queue: options.queue, err: { message } }
    options.log.warn(fields, 'prefetched tasks could not be given back while a task held the event loop, trying again')
  }

  /** From now on nothing is prefetched. */
  #onDeath (error: unknown): void {
    void this.#end()
    const [any] = this.#consumers.values()
    const fields = { event: 'worker.guard_lost', err: toLoggable(error) }
    any?.log.warn(fields, 'thread that gives prefetched tasks back died: nothing is prefetched any more')
  }
}

let guard: PrefetchGuard | null = null

/** Null if there is nobody to give tasks back to, or no thread that can do it: see `mayPrefetch`. */
export function guardClaims (
  { context, queue, isBusy }: Pick<ConsumerOptions, 'context' | 'queue'> & Pick<GuardedOptions, 'isBusy'>
): GuardedClaims | null {
  const { access, worker, log } = context
  if (!queue.upkeep) return null
  if (access && entry !== null) return new GuardedClaims({ access, worker, queue: queue.name, log, isBusy })
  const fields = { event: 'worker.prefetch_off', queue: queue.name }
  log.info(fields, 'worker prefetches nothing: no thread could give tasks back while a task holds the event loop')
  return null
}

/** A store in this process has no other workers. */
export const mayPrefetch = ({ upkeep }: Pick<Queue, 'upkeep'>, claims: GuardedClaims | null): boolean =>
  upkeep === null || (claims !== null && claims.isAvailable)

/** The claims of one consumer. */
export class GuardedClaims {
  readonly #guard: PrefetchGuard
  readonly #consumer: number
  readonly #isBusy: () => boolean

  constructor (options: GuardedOptions) {
    this.#guard = guard ??= new PrefetchGuard()
    this.#isBusy = options.isBusy
    this.#consumer = this.#guard.join(options)
  }

  get isAvailable (): boolean { return this.#guard.isAvailable }

  /** A claim is about to be made. */
  asked (number: number): Hold {
    const hold = new Hold(this.#guard, this.#consumer, number)
    this.#guard.turned()
    if (this.#isBusy()) this.#guard.watch(false)
    return hold
  }

  /**
   * A task is about to start: it may compute.
   * @param othersWait whether claimed tasks wait behind it
   */
  beforeStart (othersWait: boolean): void { this.#guard.watch(othersWait) }

  /** Resolves once nothing of the guard is left, if this is the last consumer of the process. */
  leave (): Promise<void> { return this.#guard.leave(this.#consumer) }
}
