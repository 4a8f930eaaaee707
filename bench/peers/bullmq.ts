/** BullMQ 6 with its defaults: finished jobs and their return values stay. */
import { FlowProducer, Queue, Worker } from 'bullmq'
import { GLOBAL_LIMIT, QUEUE, TASK, type Payload } from '../work.ts'
import type { FlowJob } from 'bullmq'
import type { Peer } from './peer.ts'

const connectionOf = (url: string): { host: string, port: number, maxRetriesPerRequest: null } =>
  ({ host: new URL(url).hostname, port: Number(new URL(url).port), maxRetriesPerRequest: null })

/** @param limit over all workers */
const peer = (limit?: number): Peer => ({
  async producer (url) {
    const queue = new Queue(QUEUE, { connection: connectionOf(url) })
    const flows = new FlowProducer({ connection: connectionOf(url) })
    await Promise.all([queue.waitUntilReady(), flows.waitUntilReady()])
    const job = (data: Payload): FlowJob => ({ name: TASK, queueName: QUEUE, data })
    return {
      add: data => queue.add(TASK, data),
      async addMany (payloads) {
        if (limit !== undefined) await queue.setGlobalConcurrency(limit) // the bench empties Redis before
        return await queue.addBulk(payloads.map(data => ({ name: TASK, data })))
      },
      addChord: (members, callback) => flows.add({ ...job(callback), children: members.map(job) })
    }
  },

  async worker (url, { concurrency, handler }) {
    const worker = new Worker(QUEUE, async ({ data }) => handler(data), { connection: connectionOf(url), concurrency })
    worker.on('error', () => {})
    await worker.waitUntilReady()
    return { close: () => worker.close() }
  }
})

export const bullmq = peer()
export const bullmqGlobal = peer(GLOBAL_LIMIT)
