/**
 * Raw Bee-Queue, on its own redis 3 client. It keeps no results. Its records of finished jobs are not removed, as by
 * default.
 */
import { randomUUID } from 'node:crypto'
import BeeQueue from 'bee-queue'
import { QUEUE, result, type Payload } from '../work.ts'
import type { EnqueueOptions, Peer } from './peer.ts'

interface Variant {
  /** Whether a worker publishes that a job has finished. */
  sendEvents: boolean
  /** Whether ids are UUIDs and the data holds the result, so that Bee-Queue keeps the same data as ours. */
  stored?: boolean
}

/** Bee-Queue's README recommends these settings if the app does not listen to events. */
const noEvents = { getEvents: false, storeJobs: false }

async function open (url: string, settings: BeeQueue.QueueSettings): Promise<BeeQueue> {
  const queue = new BeeQueue(QUEUE, { ...noEvents, ...settings, redis: { url } as {} })
  await queue.ready()
  return queue
}

function job (
  queue: BeeQueue, data: Payload, stored: boolean, { delayUntil }: EnqueueOptions = {}
): BeeQueue.Job<Payload> {
  const created = queue.createJob<Payload>(stored ? { ...data, result } as Payload : data)
  if (stored) created.setId(randomUUID())
  return delayUntil === undefined ? created : created.delayUntil(delayUntil)
}

const peer = ({ sendEvents, stored = false }: Variant): Peer => ({
  async producer (url) {
    const queue = await open(url, { isWorker: false, sendEvents })
    return {
      add: (data, options) => job(queue, data, stored, options).save(),
      addMany: (payloads, options) => queue.saveAll(payloads.map(data => job(queue, data, stored, options)))
    }
  },

  async worker (url, { concurrency, handler, delayed = false }) {
    const queue = await open(url, { activateDelayedJobs: delayed, sendEvents })
    queue.process(concurrency, async ({ data }: BeeQueue.Job<Payload>) => handler(data))
    return { close: () => queue.close() }
  }
})

/** With events, as by default. */
export const bee = peer({ sendEvents: true })
/** Without events, as in the smallest setup of Bee-Queue's own benchmark (BQ_MINIMAL). */
export const beeLean = peer({ sendEvents: false })
export const beeStored = peer({ sendEvents: true, stored: true })
