/** The peers that run in Node. */
import type { Peer } from './peer.ts'

export type PeerName = 'floor' | 'ours' | 'bee' | 'bullmq' | 'celery'

export const titles: Record<PeerName, string> = {
  floor: 'floor (bare ioredis)',
  ours: 'fastify-tasks',
  bee: 'raw Bee-Queue',
  bullmq: 'BullMQ',
  celery: 'Celery'
}

/** Loads nothing but the one that is asked for: a process runs one peer. */
export async function loadPeer (name: string): Promise<Peer> {
  switch (name) {
    case 'floor': return (await import('./floor.ts')).floor
    case 'ours': return (await import('./ours.ts')).ours
    case 'bee': return (await import('./bee.ts')).bee
    case 'bullmq': return (await import('./bullmq.ts')).bullmq
    default: throw new Error(`there is no peer "${name}" that runs in Node`)
  }
}
