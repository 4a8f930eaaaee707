/** The names of the peers; loads a peer that runs in Node. */
import type { Peer } from './peer.ts'

/** The peers that `--peers` accepts, with their titles. */
export const titles = {
  floor: 'floor (bare ioredis)',
  ours: 'fastify-tasks',
  bee: 'raw Bee-Queue',
  'bee-lean': 'raw Bee-Queue, no events',
  bullmq: 'BullMQ',
  celery: 'Celery'
}

export type PeerName = keyof typeof titles

/** Variants for the part `limits`. */
const limited = {
  'ours-keys': 'fastify-tasks, limits of 1,000 keys',
  'ours-many-keys': 'fastify-tasks, a key for each task',
  'ours-global': 'fastify-tasks, one limit of 100',
  'ours-slots': 'fastify-tasks, limits of 50 keys',
  'ours-rate': 'fastify-tasks, a rate',
  'bullmq-global': 'BullMQ, global concurrency of 100'
}

/**
 * Those, and for the part `memory`: ours with a short ttl, and Bee-Queue with UUIDs and stored results; for the part
 * `metrics`: ours without them.
 */
export type Variant = PeerName | keyof typeof limited | 'ours-short-ttl' | 'ours-no-metrics' | 'bee-stored'

export type Limited = PeerName | keyof typeof limited
export const titleOf = (variant: Limited): string => ({ ...titles, ...limited })[variant]

/** Loads only the named peer: a process runs one peer. */
export async function loadPeer (name: string): Promise<Peer> {
  switch (name) {
    case 'floor': return (await import('./floor.ts')).floor
    case 'ours': return (await import('./ours.ts')).ours
    case 'ours-short-ttl': return (await import('./ours.ts')).oursShortTtl
    case 'ours-no-metrics': return (await import('./ours.ts')).oursNoMetrics
    case 'bee': return (await import('./bee.ts')).bee
    case 'bee-lean': return (await import('./bee.ts')).beeLean
    case 'bee-stored': return (await import('./bee.ts')).beeStored
    case 'ours-keys': case 'ours-many-keys': case 'ours-global': case 'ours-slots': case 'ours-rate':
      return (await import('./limited.ts')).variants[name]!
    case 'bullmq': return (await import('./bullmq.ts')).bullmq
    case 'bullmq-global': return (await import('./bullmq.ts')).bullmqGlobal
    default: throw new Error(`no peer "${name}" runs in Node`)
  }
}
