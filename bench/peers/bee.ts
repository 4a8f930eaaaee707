/**
 * Raw Bee-Queue, on its own redis 3 client. Results are not kept, because it keeps none; what it leaves of a finished job
 * stays, as by default.
 */
import { randomUUID } from 'node:crypto'
import BeeQueue from 'bee-queue'
import { QUEUE, result, type Payload } from '../work.ts'
import type { EnqueueOptions, Peer } from './peer.ts'

interface Variety {
  /** Whether a worker tells of the ends of its jobs. */
  sendEvents: boolean
  /** UUIDs as ids, and a result in the data, where its users put one: what a task of ours leaves in Redis, left by Bee-Queue. */
  stored?: boolean
}

/** Its README advises it where nobody listens. */
const deaf = { getEvents: false, storeJobs: false }

async function open (url: string, settings: BeeQueue.QueueSettings): Promise<BeeQueue> {
  const queue = new BeeQueue(QUEUE, { ...deaf, ...settings, redis: { url } as {} })
  await queue.ready()
  return queue
}

function job (queue: BeeQueue, data: Payload, stored: boolean, { delayUntil }: EnqueueOptions = {}): BeeQueue.Job<Payload> {
  const made = queue.createJob<Payload>(stored ? { ...data, result } as Payload : data)
  if (stored) made.setId(randomUUID())
  return delayUntil === undefined ? made : made.delayUntil(delayUntil)
}

const peer = ({ sendEvents, stored = false }: Variety): Peer => ({
  async producer (url) {
    const queue = await open(url, { isWorker: false, sendEvents })
    return {
      add: (data, options) => job(queue, data, stored, options).save(),
      addMany: (data, options) => queue.saveAll(data.map(one => job(queue, one, stored, options)))
    }
  },

  async worker (url, { concurrency, handler, delayed = false }) {
    const queue = await open(url, { activateDelayedJobs: delayed, sendEvents })
    queue.process(concurrency, async ({ data }: BeeQueue.Job<Payload>) => handler(data))
    return { close: () => queue.close() }
  }
})

/** As by default: without its events nobody learns of the end of a job. */
export const bee = peer({ sendEvents: true })
/** As in Bee-Queue's own benchmark at its leanest (BQ_MINIMAL). */
export const beeLean = peer({ sendEvents: false })
export const beeStored = peer({ sendEvents: true, stored: true })
