/**
 * Tasks kept in this process, for `mode: 'memory'`: queues, channels, and a clock that stands still until it is moved.
 * Opens no connection and holds no timer.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import * as errors from '../../errors.ts'
import { afterEventLoopTurn } from './event-loop-turn.ts'
import { MemoryQueue } from './queue.ts'
import type { MemoryQueueHost } from './queue-host.ts'
import { MemorySchedulePlaces } from './schedules.ts'
import { MAX_DATE } from '../../records/time.ts'
import { appTime } from '../../timers.ts'
import type { StoreConnection } from '../contract.ts'
import type { BoundedCalls, PubSub, Store, StoreClock } from '../store-contract.ts'

class MemoryPubSub implements PubSub {
  readonly #messages = new EventEmitter().setMaxListeners(0)
  /** A message leaves the async context of the request that sent it, as it would on its way through Redis. */
  readonly #outside = AsyncLocalStorage.snapshot()

  publish (channel: string, message: string): void { this.#outside(() => this.#messages.emit(channel, message)) }

  async listen (channel: string, listener: (message: string) => void): Promise<() => void> {
    this.#messages.on(channel, listener)
    return () => this.#messages.off(channel, listener)
  }

  /** No message is missed within a process. */
  onResync (): () => void { return () => {} }

  async close (): Promise<void> { this.#messages.removeAllListeners() }
}

/** Stands still until `moveTo`. */
class VirtualClock implements StoreClock {
  #now = appTime()

  now (): number { return this.#now }

  /** A Date of the app is as far away on this clock as on the app's own clock, which does not stand still. */
  toStoreTime (time: number): number { return Math.min(this.#now + time - appTime(), MAX_DATE) }

  /** Never backwards. */
  moveTo (time: number): void { this.#now = Math.max(this.#now, time) }

  async synchronise (): Promise<void> {}
  refresh (): undefined {}
}

/** This store is always available, until the app has closed. */
class MemoryCalls implements BoundedCalls {
  #closed = false

  get ready (): boolean { return !this.#closed }

  call<T> (what: string, _doubt: string, send: () => Promise<T>): Promise<T> {
    return this.#closed ? Promise.reject(new errors.Closed(what, 'Nothing was done.')) : afterEventLoopTurn(send())
  }

  close (): void { this.#closed = true }
}

/** There is no connection that could break. */
const connection: StoreConnection = {
  status: 'ready', on () {}, off () {}, pipelined: send => send(), disconnect () {}
}

export class MemoryStore implements Store, MemoryQueueHost {
  readonly address = 'this process'
  readonly calls = new MemoryCalls()
  readonly clock = new VirtualClock()
  readonly pubSub = new MemoryPubSub()
  readonly schedulePlaces = new MemorySchedulePlaces(() => this.clock.now())
  readonly #queues: MemoryQueue[] = []
  readonly #untold = new Set<string>()
  readonly #events = new EventEmitter().setMaxListeners(0)

  /** Called with the name of a queue when tasks were queued there. */
  onWaiting: (queue: string) => void = () => {}

  queue (name: string): MemoryQueue {
    const queue = new MemoryQueue(name, this)
    this.#queues.push(queue)
    return queue
  }

  connect (): StoreConnection { return connection }
  async untilReady (): Promise<boolean> { return true }
  access (): null { return null }
  async close (): Promise<void> {}

  // For its queues

  now (): number { return this.clock.now() }
  publish (channel: string, message: string): void { this.pubSub.publish(channel, message) }
  onQueued (queue: { readonly name: string }): void { this.onWaiting(queue.name) }
  /** A member of a flow ended, and its flow was not told yet. */
  onMemberEnded (id: string): void { this.#untold.add(id) }
  onTold (id: string): void { this.#untold.delete(id) }

  isUnfinished (name: string, id: string): boolean {
    return this.#queues.some(queue => queue.name === name && queue.isUnfinished(id))
  }

  onIdle (): void { if (this.idle) this.#events.emit('idle') }

  // For those who move the clock

  /** True if no task is waiting and none is running. */
  get idle (): boolean { return this.#untold.size === 0 && this.#queues.every(queue => queue.idle) }

  /** How many tasks are delayed, or between two attempts. */
  get delayed (): number { return this.#queues.reduce((sum, queue) => sum + queue.delayed, 0) }

  /** When the next of these tasks is due. Null if there is none. */
  get dueTask (): number | null { return earliest(this.#queues.map(queue => queue.due)) }

  /** When the next of them, a tick of a schedule or the end of a flow's life is due, ms since 1970. Null: never. */
  get due (): number | null {
    return earliest(this.#queues.flatMap(queue => [queue.due, queue.schedules.due, queue.flows.due]))
  }

  /** The queues that have waiting tasks. */
  get queuesWaiting (): string[] { return this.#queues.filter(queue => queue.hasWaiting).map(queue => queue.name) }

  /** Resolves when no task is waiting and none is running. Rejects with the signal's reason as its `cause`. */
  async untilIdle (signal: AbortSignal): Promise<void> {
    while (!this.idle) await once(this.#events, 'idle', { signal })
  }

  /** Moves the clock. Tasks that are due by then are queued, and records that are past their expiry are removed. */
  moveTo (time: number): void {
    this.clock.moveTo(time)
    for (const queue of this.#queues) queue.onClockMoved()
  }
}

function earliest (times: Array<number | null>): number | null {
  const known = times.filter(time => time !== null)
  return known.length === 0 ? null : Math.min(...known)
}
