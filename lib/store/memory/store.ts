/**
 * Layer 1: tasks kept in this process, for `mode: 'memory'`: queues, channels, and a clock that stands still until it is
 * moved. Nothing is dialled, and nothing here holds a timer.
 */
import { EventEmitter, once } from 'node:events'
import { afterEventLoopTurn, MemoryQueue, type MemoryQueueHost } from './queue.ts'
import type { BoundedCalls, PubSub, Store, StoreClock, StoreConnection } from '../contract.ts'

class MemoryPubSub implements PubSub {
  readonly #messages = new EventEmitter().setMaxListeners(0)

  publish (channel: string, message: string): void { this.#messages.emit(channel, message) }

  async listen (channel: string, listener: (message: string) => void): Promise<() => void> {
    this.#messages.on(channel, listener)
    return () => this.#messages.off(channel, listener)
  }

  /** Nothing is missed in here. */
  onResync (): () => void { return () => {} }

  async close (): Promise<void> { this.#messages.removeAllListeners() }
}

/** It stands still until `moveTo`. */
class VirtualClock implements StoreClock {
  #now = Date.now()

  now (): number { return this.#now }

  /** A Date of the app's is as far away on this clock as it is on the app's own, which goes on by itself. */
  toStoreTime (time: number): number { return this.#now + time - Date.now() }

  /** Never backwards. */
  moveTo (time: number): void { this.#now = Math.max(this.#now, time) }

  async synchronise (): Promise<void> {}
}

/** Nothing here is ever away. */
const calls: BoundedCalls = {
  ready: true,
  call: (_what, _doubt, send) => afterEventLoopTurn(send()),
  close () {}
}

/** There is no connection that could break. */
const connection: StoreConnection = { status: 'ready', on () {}, off () {}, pipelined: send => send(), disconnect () {} }

export class MemoryStore implements Store, MemoryQueueHost {
  readonly address = 'this process'
  readonly calls = calls
  readonly clock = new VirtualClock()
  readonly pubSub = new MemoryPubSub()
  readonly #queues: MemoryQueue[] = []
  readonly #events = new EventEmitter().setMaxListeners(0)

  /** Called when tasks of a queue wait that did not. */
  onWaiting: (queue: string) => void = () => {}

  queue (name: string): MemoryQueue {
    const queue = new MemoryQueue(name, this)
    this.#queues.push(queue)
    return queue
  }

  connect (): StoreConnection { return connection }
  async untilReady (): Promise<boolean> { return true }
  async close (): Promise<void> {}

  // What its queues ask

  now (): number { return this.clock.now() }
  publish (channel: string, message: string): void { this.pubSub.publish(channel, message) }
  waiting (queue: MemoryQueue): void { this.onWaiting(queue.name) }
  quiet (): void { if (this.idle) this.#events.emit('idle') }

  // What those ask who move the clock

  /** Nothing waits, and nothing runs. */
  get idle (): boolean { return this.#queues.every(queue => queue.idle) }
  /** How many tasks are delayed, or between two attempts. */
  get delayed (): number { return this.#queues.reduce((sum, queue) => sum + queue.delayed, 0) }
  /** When the next of them is due: ms since 1970; null where there is none. */
  get due (): number | null { return this.#queues.reduce<number | null>((first, { due }) => due === null || (first !== null && first < due) ? first : due, null) }
  /** The queues that have tasks waiting. */
  get queuesWaiting (): string[] { return this.#queues.filter(queue => queue.hasWaiting).map(queue => queue.name) }

  /** Resolves once nothing waits and nothing runs. Rejects with the signal's reason as its `cause`. */
  async untilIdle (signal: AbortSignal): Promise<void> {
    while (!this.idle) await once(this.#events, 'idle', { signal })
  }

  /** What is due by then waits, and records that have outstayed their time go. */
  moveTo (time: number): void {
    this.clock.moveTo(time)
    for (const queue of this.#queues) queue.clockMoved()
  }
}
