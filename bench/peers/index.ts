/** The peers, and where to find those that run in Node. */
import type { Peer } from './peer.ts'

/** Who can be named to take part. */
export const titles = {
  floor: 'floor (bare ioredis)',
  ours: 'fastify-tasks',
  bee: 'raw Bee-Queue',
  'bee-lean': 'raw Bee-Queue, no events',
  bullmq: 'BullMQ',
  celery: 'Celery'
}

export type PeerName = keyof typeof titles

/** The same for one part of the bench: with short-lived records, and with ids and results as others have them. */
export type Variant = PeerName | 'ours-brief' | 'bee-stored'

/** Loads nothing but the one that is asked for: a process runs one peer. */
export async function loadPeer (name: string): Promise<Peer> {
  switch (name) {
    case 'floor': return (await import('./floor.ts')).floor
    case 'ours': return (await import('./ours.ts')).ours
    case 'ours-brief': return (await import('./ours.ts')).oursBrief
    case 'bee': return (await import('./bee.ts')).bee
    case 'bee-lean': return (await import('./bee.ts')).beeLean
    case 'bee-stored': return (await import('./bee.ts')).beeStored
    case 'bullmq': return (await import('./bullmq.ts')).bullmq
    default: throw new Error(`there is no peer "${name}" that runs in Node`)
  }
}
