/** The process that enqueues. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import { loadPeer } from '../peers/index.ts'
import { payload } from '../work.ts'
import type { EnqueueOptions, Producer } from '../peers/peer.ts'

/** Of one call that enqueues many. */
const BULK = 1_000

export async function producer (peer: string, url: string): Promise<ProducerRole> {
  return new ProducerRole(await (await loadPeer(peer)).producer(url))
}

export class ProducerRole {
  readonly #producer: Producer

  constructor (producer: Producer) {
    this.#producer = producer
  }

  /** One by one, each awaited. How long it took, in ms. */
  async one ({ count }: { count: number }): Promise<number> {
    const start = now()
    for (let i = 0; i < count; i++) await this.#producer.add(payload())
    return now() - start
  }

  /** So many in flight at any time. */
  async window ({ count, size }: { count: number, size: number }): Promise<number> {
    const start = now()
    let left = count
    const lane = async (): Promise<void> => { while (left-- > 0) await this.#producer.add(payload()) }
    await Promise.all(Array.from({ length: size }, lane))
    return now() - start
  }

  /** With what the peer has for many at once. */
  async many ({ count, ...options }: { count: number } & EnqueueOptions): Promise<number> {
    const start = now()
    for (let left = count; left > 0; left -= BULK) {
      await this.#producer.addMany(Array.from({ length: Math.min(left, BULK) }, () => payload()), options)
    }
    return now() - start
  }

  /** One at a time, with a pause: the queue and the worker are idle at each. */
  async paced ({ count, pause }: { count: number, pause: number }): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.#producer.add(payload(now()))
      await sleep(pause)
    }
  }
}
