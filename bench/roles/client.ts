/** A process that fills queues of ours, and asks for tasks in them: one app for each Redis URL. */
import type { FastifyInstance } from 'fastify'
import { now } from '../clock.ts'
import { openApp } from '../peers/ours.ts'
import { payload, TASK } from '../work.ts'

const BULK = 1_000

interface Filled { app: FastifyInstance, ids: string[] }

export async function client (urls: string[]): Promise<ClientRole> {
  return new ClientRole(await Promise.all(urls.map(async url => ({ app: await openApp({ redis: url }), ids: [] }))))
}

export class ClientRole {
  readonly #all: Filled[]

  constructor (all: Filled[]) {
    this.#all = all
  }

  /** Enqueues, and remembers as many ids as were asked for, of those that come last: they wait longest. */
  async fill ({ which, count, remember }: { which: number, count: number, remember: number }): Promise<void> {
    const { app, ids } = this.#all[which]!
    for (let left = count; left > 0; left -= BULK) {
      const items = Array.from({ length: Math.min(left, BULK) }, () => ({ data: payload() }))
      const handles = await app.tasks.enqueueMany(TASK, items)
      if (left - BULK < remember) ids.push(...handles.map(handle => handle.id))
    }
  }

  forget ({ which }: { which: number }): void { this.#all[which]!.ids.length = 0 }

  /** How long each status took, in ms, for each queue: one after the other, the queues in turn. */
  statuses ({ count }: { count: number }): Promise<number[][]> {
    return this.#timed(count, ({ app, ids }, i) => app.tasks.status(ids[i * 7 % ids.length]!))
  }

  /** How long each cancel took: each of another task. */
  cancels ({ count }: { count: number }): Promise<number[][]> {
    return this.#timed(count, async ({ app, ids }) => {
      const outcome = await app.tasks.cancel(ids.pop()!)
      if (outcome !== 'cancelled') throw new Error(`a cancel of a waiting task gave "${outcome}"`)
    })
  }

  /** What disturbs one queue's calls disturbs the other's as often. */
  async #timed (count: number, run: (filled: Filled, i: number) => Promise<unknown>): Promise<number[][]> {
    const times = this.#all.map((): number[] => [])
    for (let i = 0; i < count; i++) {
      for (const [which, filled] of this.#all.entries()) {
        const start = now()
        await run(filled, i)
        times[which]!.push(now() - start)
      }
    }
    return times
  }
}
