/** fastify-tasks, as compiled from this checkout, in a real Fastify app, with its defaults. */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks from '../../lib/plugin.ts'
import { TASK } from '../work.ts'
import type { TasksOptions } from '../../lib/types.ts'
import type { Handler, Peer } from './peer.ts'

/** How long records stay for which the bench waits until they have gone, in ms. */
export const BRIEF = 1_500

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
      addMany: (data, options) => app.tasks.enqueueMany(TASK, data.map(one => ({ data: one, ...options })))
    }
  },

  async worker (url, { concurrency, handler }) {
    return await openApp({ ...options, redis: url, worker: { concurrency } }, handler)
  }
})

export const ours = peer()
export const oursBrief = peer({ resultTtl: BRIEF })
