/**
 * The replicated servers of a run: a master with replicas and a Sentinel, or a cluster with a replica of each master.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { poll } from '../../scripts/poll.ts'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { startSentinel } from '../../scripts/redis-sentinel.ts'
import type { RunningRedis } from '../../scripts/redis.ts'
import type { RedisChoice } from '../tasks.ts'

export interface Fault {
  title: string
  /** Queues whose master was killed. Empty if no master was. */
  killed: string[]
  from: number
  /** When all queues had a master again. */
  to: number
}

export interface ReplicatedServers {
  redis: RedisChoice
  queues: string[]
  /** The current master of a queue. */
  masterOf (queue: string): Promise<RunningRedis>
  /** Number of replicas of a master that may become the next master. */
  electableReplicas (master: RunningRedis): number
  /** Injected one after the other. */
  faults: Array<() => Promise<Fault>>
  /** The servers whose append-only files together hold all surviving writes, from the beginning. */
  survivors (): Promise<RunningRedis[]>
  /** Number of masters that were replaced without a kill. Redis may lose their acknowledged tasks. */
  unplannedFailovers (): Promise<number>
  stop (): Promise<void>
}

/**
 * Redis writes each change to the append-only file before it answers, and never rewrites the file. The backlog is large
 * enough for replicas to catch up without a full copy, which would restart their files.
 */
const config = [
  '--appendfsync', 'everysec',
  '--auto-aof-rewrite-percentage', '0',
  '--repl-backlog-size', '256mb',
  '--repl-diskless-sync-delay', '0',
  '--min-replicas-to-write', '1'
]
const TIMEOUT_MS = 30_000
/** Downtime of a killed server. */
const DOWNTIME_MS = 1_000

/** A master with two replicas. The master is killed, and restarted as a replica. */
export async function sentinelServers (): Promise<ReplicatedServers> {
  const redis = await startSentinel({ replicas: 2, aof: true, config })
  const queues = ['chaos', 'side', 'a', 'b']
  const [first, ...replicas] = redis.servers as [RunningRedis, ...RunningRedis[]]
  return {
    redis: redis.options,
    queues,
    masterOf: () => redis.master(),
    electableReplicas: master => master === first ? replicas.length : 0,
    faults: [async () => {
      const from = Date.now()
      await first.kill()
      await redis.failedOver(first)
      const to = Date.now()
      await sleep(DOWNTIME_MS)
      await first.restart()
      return { title: 'the master was killed', killed: queues, from, to }
    }],
    survivors: async () => [await redis.master()],
    unplannedFailovers: async () => await redis.failovers() - 1,
    stop: () => redis.stop()
  }
}

/**
 * Three masters with one replica each. For each kill: slots of queues move, a master is killed and restarted as a
 * replica, slots move again.
 */
export async function clusterServers (kills: number): Promise<ReplicatedServers> {
  const redis = await startCluster({ replicas: 1, aof: true, config })
  const queues = ['chaos', 'side', 'a', 'b', 'c', 'd', 'e', 'f']
  const firstMasters = redis.servers.slice(0, 3)
  const killed = new Set<RunningRedis>()
  const masterOf = (queue: string): Promise<RunningRedis> => redis.ownerOf(`{${queue}}`)

  async function move (round: number): Promise<Fault> {
    const from = Date.now()
    for (const queue of [queues[round % 8]!, queues[(round + 3) % 8]!]) {
      const master = await masterOf(queue)
      const masters = await redis.masters()
      await redis.moveSlotOf(`{${queue}}`, masters[(masters.indexOf(master) + 1) % masters.length]!)
    }
    return { title: 'the slots of two queues moved', killed: [], from, to: Date.now() }
  }

  async function kill (master: RunningRedis): Promise<Fault> {
    const mastersOfQueues = await Promise.all(queues.map(masterOf))
    const affected = queues.filter((_queue, i) => mastersOfQueues[i] === master)
    const from = Date.now()
    await master.kill()
    killed.add(master)
    const replica = redis.servers[redis.servers.indexOf(master) + 3]!
    await poll('the replica is master', TIMEOUT_MS, async () => (await redis.masters()).includes(replica))
    const to = Date.now()
    await sleep(DOWNTIME_MS)
    await master.restart() // the new master refuses writes until this server is its replica
    await redis.follows(master)
    return { title: `a master was killed, with ${affected.length} queues`, killed: affected, from, to }
  }

  return {
    redis: { cluster: redis.startupNodes },
    queues,
    masterOf,
    electableReplicas: master => firstMasters.includes(master) ? 1 : 0,
    faults: Array.from({ length: kills }, (_, i) =>
      [() => move(2 * i), () => kill(firstMasters[i]!), () => move(2 * i + 1)]).flat(),
    survivors: () => redis.masters(),
    unplannedFailovers: async () => {
      const promoted = (await redis.masters()).filter(master => !firstMasters.includes(master))
      return promoted.length - killed.size
    },
    stop: () => redis.stop()
  }
}
