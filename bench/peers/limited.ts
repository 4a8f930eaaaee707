/** fastify-tasks with limits and rates, for the part `limits`. */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks from '../../lib/plugin.ts'
import { GLOBAL_LIMIT, TASK } from '../work.ts'
import type { Handler, Peer } from './peer.ts'
import type { DefineOptions } from '../../lib/types.ts'

export const RATE = { max: 1_000, timeWindow: 1_000 }
/** As many as the worker runs: 50 keys of two. `ms`: how long a handler takes. */
export const SLOTS = { count: 100, ms: 20 }

/** Another one for each task, in turn. */
function keyOf (keys: number): () => string {
  let next = 0
  return () => `k${next++ % keys}`
}

async function openApp (
  url: string, worker: object | false, options: DefineOptions, handler?: Handler
): Promise<FastifyInstance> {
  const app = Fastify({ logger: false })
  await app.register(tasks, { redis: url, ...worker && { worker } })
  app.tasks.define(TASK, options as any, handler as any)
  await app.ready()
  return app
}

const limited = (options: DefineOptions): Peer => ({
  async producer (url) {
    const app = await openApp(url, false, options)
    return {
      add: data => app.tasks.enqueue(TASK, data),
      addMany: payloads => app.tasks.enqueueMany(TASK, payloads.map(data => ({ data })))
    }
  },

  async worker (url, { concurrency, handler }) {
    return await openApp(url, { concurrency }, options, handler)
  }
})

export const variants: Record<string, Peer> = {
  'ours-keys': limited({ limit: { max: 2, key: keyOf(1_000) } }),
  'ours-many-keys': limited({ limit: { max: 2, key: keyOf(Infinity) } }),
  'ours-global': limited({ limit: { max: GLOBAL_LIMIT } }),
  'ours-slots': limited({ limit: { max: 2, key: keyOf(SLOTS.count / 2) } }),
  'ours-rate': limited({ rate: RATE })
}
