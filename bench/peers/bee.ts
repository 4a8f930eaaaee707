/**
 * Raw Bee-Queue, on its own redis 3 client. Results are not kept, because it keeps none; what it leaves of a finished job
 * stays, as by default. `bee`: a worker that tells of the ends of its jobs, as by default; without that nobody learns of
 * them. `beeLean`: not even that, as in Bee-Queue's own benchmark (BQ_MINIMAL).
 */
import BeeQueue from 'bee-queue'
import { QUEUE, type Payload } from '../work.ts'
import type { EnqueueOptions, Peer } from './peer.ts'

/** Its README advises it where nobody listens. */
const deaf = { getEvents: false, storeJobs: false }

async function open (url: string, settings: BeeQueue.QueueSettings): Promise<BeeQueue> {
  const queue = new BeeQueue(QUEUE, { ...deaf, ...settings, redis: { url } as {} })
  await queue.ready()
  return queue
}

function job (queue: BeeQueue, data: Payload, { delayUntil }: EnqueueOptions = {}): BeeQueue.Job<Payload> {
  const made = queue.createJob(data)
  return delayUntil === undefined ? made : made.delayUntil(delayUntil)
}

const peer = (sendEvents: boolean): Peer => ({
  async producer (url) {
    const queue = await open(url, { isWorker: false, sendEvents })
    return {
      add: (data, options) => job(queue, data, options).save(),
      addMany: (data, options) => queue.saveAll(data.map(one => job(queue, one, options))),
      close: () => queue.close()
    }
  },

  async worker (url, { concurrency, handler, delayed = false }) {
    const queue = await open(url, { activateDelayedJobs: delayed, sendEvents })
    queue.process(concurrency, async ({ data }: BeeQueue.Job<Payload>) => handler(data))
    return { close: () => queue.close() }
  }
})

export const bee = peer(true)
export const beeLean = peer(false)
