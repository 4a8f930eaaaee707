/** fastify-tasks, as compiled from this checkout, in a Fastify app, with its defaults. */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks, { chord } from '../../lib/plugin.ts'
import { signature } from '../../lib/flows/shapes.ts'
import { TASK } from '../work.ts'
import type { TasksOptions } from '../../lib/types.ts'
import type { Handler, Peer } from './peer.ts'

/** The bench waits until records with this ttl are gone. */
export const SHORT_TTL_MS = 1_500

export async function openApp (options: TasksOptions, handler?: Handler): Promise<FastifyInstance> {
  const app = Fastify({ logger: false })
  await app.register(tasks, options)
  app.tasks.define(TASK, handler)
  await app.ready()
  return app
}

const peer = (options: TasksOptions = {}): Peer => ({
  async producer (url) {
    const app = await openApp({ ...options, redis: url })
    return {
      add: (data, options) => app.tasks.enqueue(TASK, data, options),
      addMany: (payloads, options) => app.tasks.enqueueMany(TASK, payloads.map(data => ({ data, ...options }))),
      addChord: (members, callback) =>
        app.tasks.enqueueFlow(chord(members.map(data => signature(TASK, data)), signature(TASK, callback)))
    }
  },

  async worker (url, { concurrency, handler }) {
    return await openApp({ ...options, redis: url, worker: { concurrency } }, handler)
  }
})

export const ours = peer()
export const oursNoMetrics = peer({ metrics: false, history: false })
export const oursShortTtl = peer({ resultTtl: SHORT_TTL_MS })
