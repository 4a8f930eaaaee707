/** BullMQ 6 with its defaults: finished jobs and their return values stay. */
import { Queue, Worker } from 'bullmq'
import { QUEUE, TASK } from '../work.ts'
import type { Peer } from './peer.ts'

const connectionOf = (url: string): { host: string, port: number, maxRetriesPerRequest: null } =>
  ({ host: new URL(url).hostname, port: Number(new URL(url).port), maxRetriesPerRequest: null })

export const bullmq: Peer = {
  async producer (url) {
    const queue = new Queue(QUEUE, { connection: connectionOf(url) })
    await queue.waitUntilReady()
    return {
      add: data => queue.add(TASK, data),
      addMany: payloads => queue.addBulk(payloads.map(data => ({ name: TASK, data })))
    }
  },

  async worker (url, { concurrency, handler }) {
    const worker = new Worker(QUEUE, async ({ data }) => handler(data), { connection: connectionOf(url), concurrency })
    worker.on('error', () => {})
    await worker.waitUntilReady()
    return { close: () => worker.close() }
  }
}
