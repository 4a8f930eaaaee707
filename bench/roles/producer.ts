/** The process that enqueues. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import { loadPeer } from '../peers/index.ts'
import { payload } from '../work.ts'
import type { EnqueueOptions, Producer } from '../peers/peer.ts'

/** Number of tasks that one bulk call enqueues. */
const BULK = 1_000

export async function producer (peer: string, url: string): Promise<ProducerRole> {
  return new ProducerRole(await (await loadPeer(peer)).producer(url))
}

export class ProducerRole {
  readonly #producer: Producer

  constructor (producer: Producer) {
    this.#producer = producer
  }

  /** Enqueues one by one, and awaits each call. Returns the duration in ms, as the methods below do. */
  async one ({ count }: { count: number }): Promise<number> {
    const start = now()
    for (let i = 0; i < count; i++) await this.#producer.add(payload())
    return now() - start
  }

  /** Enqueues with `size` calls in flight at any time. */
  async window ({ count, size }: { count: number, size: number }): Promise<number> {
    const start = now()
    let left = count
    const loop = async (): Promise<void> => { while (left-- > 0) await this.#producer.add(payload()) }
    await Promise.all(Array.from({ length: size }, loop))
    return now() - start
  }

  /** Enqueues with the peer's bulk call. */
  async many ({ count, ...options }: { count: number } & EnqueueOptions): Promise<number> {
    const start = now()
    for (let left = count; left > 0; left -= BULK) {
      await this.#producer.addMany(Array.from({ length: Math.min(left, BULK) }, () => payload()), options)
    }
    return now() - start
  }

  /** Enqueues chords, one after the other. Returns when it began. */
  async chords ({ count, members }: { count: number, members: number }): Promise<number> {
    const start = now()
    for (let i = 0; i < count; i++) {
      await this.#producer.addChord!(Array.from({ length: members }, () => payload()), payload())
    }
    return start
  }

  /** As many plain tasks, each bulk as large as a chord. */
  async plain ({ count, members }: { count: number, members: number }): Promise<number> {
    const start = now()
    for (let i = 0; i < count; i++) await this.#producer.addMany(Array.from({ length: members + 1 }, () => payload()))
    return start
  }

  /** Enqueues one at a time, with a pause, so that queue and worker are idle before each task. */
  async paced ({ count, pause }: { count: number, pause: number }): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.#producer.add(payload(now()))
      await sleep(pause)
    }
  }
}
