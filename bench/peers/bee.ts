/**
 * Raw Bee-Queue, on its own redis 3 client, as its own benchmark runs it at its leanest (BQ_MINIMAL): no events, no map
 * of jobs. Results are not kept, because it keeps none. What it leaves of a finished job stays, as by default.
 */
import BeeQueue from 'bee-queue'
import { QUEUE, type Payload } from '../work.ts'
import type { EnqueueOptions, Peer } from './peer.ts'

const lean = { getEvents: false, sendEvents: false, storeJobs: false }

async function open (url: string, settings: BeeQueue.QueueSettings): Promise<BeeQueue> {
  const queue = new BeeQueue(QUEUE, { ...lean, ...settings, redis: { url } as {} })
  await queue.ready()
  return queue
}

function job (queue: BeeQueue, data: Payload, { delayUntil }: EnqueueOptions = {}): BeeQueue.Job<Payload> {
  const made = queue.createJob(data)
  return delayUntil === undefined ? made : made.delayUntil(delayUntil)
}

export const bee: Peer = {
  async producer (url) {
    const queue = await open(url, { isWorker: false })
    return {
      add: (data, options) => job(queue, data, options).save(),
      addMany: (data, options) => queue.saveAll(data.map(one => job(queue, one, options))),
      close: () => queue.close()
    }
  },

  async worker (url, { concurrency, handler, delayed = false }) {
    const queue = await open(url, { activateDelayedJobs: delayed })
    queue.process(concurrency, async ({ data }: BeeQueue.Job<Payload>) => handler(data))
    return { close: () => queue.close() }
  }
}
