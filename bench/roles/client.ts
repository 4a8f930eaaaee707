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

  /** How long each status took, one after the other, in ms. */
  statuses ({ which, count }: { which: number, count: number }): Promise<number[]> {
    const { app, ids } = this.#all[which]!
    return timed(count, i => app.tasks.status(ids[i * 7 % ids.length]!))
  }

  /** How long each cancel took: each of another task. */
  cancels ({ which, count }: { which: number, count: number }): Promise<number[]> {
    const { app, ids } = this.#all[which]!
    if (ids.length < count) throw new Error(`there are ${ids.length} tasks to cancel, not ${count}`)
    return timed(count, async () => {
      const outcome = await app.tasks.cancel(ids.pop()!)
      if (outcome !== 'cancelled') throw new Error(`a cancel of a waiting task gave "${outcome}"`)
    })
  }
}

async function timed (count: number, run: (i: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const start = now()
    await run(i)
    times.push(now() - start)
  }
  return times
}
