/** A process that fills queues, and measures status and cancel calls: one app for each Redis URL. */
import type { FastifyInstance } from 'fastify'
import { now } from '../clock.ts'
import { openApp } from '../peers/ours.ts'
import { payload, TASK } from '../work.ts'

const BULK = 1_000

interface FilledQueue { app: FastifyInstance, ids: string[] }

export async function client (urls: string[]): Promise<ClientRole> {
  return new ClientRole(await Promise.all(urls.map(async url => ({ app: await openApp({ redis: url }), ids: [] }))))
}

export class ClientRole {
  readonly #queues: FilledQueue[]

  constructor (queues: FilledQueue[]) {
    this.#queues = queues
  }

  /** Enqueues tasks, and remembers the ids of the last `remember` tasks: these wait longest. */
  async fill ({ which, count, remember }: { which: number, count: number, remember: number }): Promise<void> {
    const { app, ids } = this.#queues[which]!
    for (let left = count; left > 0; left -= BULK) {
      const items = Array.from({ length: Math.min(left, BULK) }, () => ({ data: payload() }))
      const handles = await app.tasks.enqueueMany(TASK, items)
      if (left - BULK < remember) ids.push(...handles.map(handle => handle.id))
    }
  }

  forget ({ which }: { which: number }): void { this.#queues[which]!.ids.length = 0 }

  /** Ms of each status call, for each queue. */
  statuses ({ count }: { count: number }): Promise<number[][]> {
    return this.#timed(count, ({ app, ids }, i) => app.tasks.status(ids[i * 7 % ids.length]!))
  }

  /** Ms of each cancel call, for each queue. Each call cancels another task. */
  cancels ({ count }: { count: number }): Promise<number[][]> {
    return this.#timed(count, async ({ app, ids }) => {
      const outcome = await app.tasks.cancel(ids.pop()!)
      if (outcome !== 'cancelled') throw new Error(`a cancel of a waiting task gave "${outcome}"`)
    })
  }

  /** Calls one after the other, alternating between the queues: a disturbance slows both equally often. */
  async #timed (count: number, run: (queue: FilledQueue, i: number) => Promise<unknown>): Promise<number[][]> {
    const times = this.#queues.map((): number[] => [])
    for (let i = 0; i < count; i++) {
      for (const [which, queue] of this.#queues.entries()) {
        const start = now()
        await run(queue, i)
        times[which]!.push(now() - start)
      }
    }
    return times
  }
}
