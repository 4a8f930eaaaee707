/** What the storm goes over: a master with replicas and a Sentinel, or a cluster whose masters have a replica each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { poll } from '../../scripts/poll.ts'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { startSentinel } from '../../scripts/redis-sentinel.ts'
import type { RunningRedis } from '../../scripts/redis.ts'
import type { RedisChoice } from '../tasks.ts'

export interface Fault {
  what: string
  /** Queues whose master was killed; none where nothing was. */
  killed: string[]
  from: number
  /** When all queues had a master again. */
  to: number
}

export interface Stage {
  redis: RedisChoice
  queues: string[]
  /** The server that takes the writes of a queue now. */
  ownerOf (queue: string): Promise<RunningRedis>
  /** How many servers that may be made master next follow this one. */
  heirs (master: RunningRedis): number
  /** One after the other. */
  faults: Array<() => Promise<Fault>>
  /** Those whose append-only files have all that survived, from the beginning. */
  witnesses (): Promise<RunningRedis[]>
  /** Masters that were replaced, and not killed: what they had acknowledged is lost, and no fault of ours. */
  needless (): Promise<number>
  stop (): Promise<void>
}

/**
 * Every change is in the append-only file when it is answered, and never rewritten. Replicas catch up without a copy of
 * everything, which would begin their files anew.
 */
const config = ['--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0', '--repl-backlog-size', '256mb', '--repl-diskless-sync-delay', '0', '--min-replicas-to-write', '1']
const within = 30_000
/** How long a server that was killed stays away, in ms. */
const AWAY = 1_000

/** A master with two replicas. It is killed, and comes back as a replica. */
export async function sentinelStage (): Promise<Stage> {
  const redis = await startSentinel({ replicas: 2, aof: true, config })
  const queues = ['chaos', 'side', 'a', 'b']
  const [first, ...replicas] = redis.servers as [RunningRedis, ...RunningRedis[]]
  return {
    redis: redis.options,
    queues,
    ownerOf: () => redis.master(),
    heirs: master => master === first ? replicas.length : 0,
    faults: [async () => {
      const from = Date.now()
      await first.kill()
      await redis.failedOver(first)
      const to = Date.now()
      await sleep(AWAY)
      await first.restart()
      return { what: 'the master was killed', killed: queues, from, to }
    }],
    witnesses: async () => [await redis.master()],
    needless: async () => await redis.failovers() - 1,
    stop: () => redis.stop()
  }
}

/** Three masters with a replica each. For each kill: slots of queues move, a master goes and comes back as a replica, slots move again. */
export async function clusterStage (kills: number): Promise<Stage> {
  const redis = await startCluster({ replicas: 1, aof: true, config })
  const queues = ['chaos', 'side', 'a', 'b', 'c', 'd', 'e', 'f']
  const firstMasters = redis.servers.slice(0, 3)
  const killed = new Set<RunningRedis>()
  const ownerOf = (queue: string): Promise<RunningRedis> => redis.ownerOf(`{${queue}}`)

  async function move (round: number): Promise<Fault> {
    const from = Date.now()
    for (const queue of [queues[round % 8]!, queues[(round + 3) % 8]!]) {
      const owner = await ownerOf(queue)
      const owners = await redis.masters()
      await redis.moveSlotOf(`{${queue}}`, owners[(owners.indexOf(owner) + 1) % owners.length]!)
    }
    return { what: 'the slots of two queues moved', killed: [], from, to: Date.now() }
  }

  async function kill (master: RunningRedis): Promise<Fault> {
    const owners = await Promise.all(queues.map(ownerOf))
    const affected = queues.filter((_queue, i) => owners[i] === master)
    const from = Date.now()
    await master.kill()
    killed.add(master)
    const heir = redis.servers[redis.servers.indexOf(master) + 3]!
    await poll('the replica is master', within, async () => (await redis.masters()).includes(heir))
    const to = Date.now()
    await sleep(AWAY)
    await master.restart() // until it follows, the new master has no replica, and refuses writes
    await redis.follows(master)
    return { what: `a master was killed, with ${affected.length} queues`, killed: affected, from, to }
  }

  return {
    redis: { cluster: redis.startupNodes },
    queues,
    ownerOf,
    heirs: master => firstMasters.includes(master) ? 1 : 0,
    faults: Array.from({ length: kills }, (_, i) => [() => move(2 * i), () => kill(firstMasters[i]!), () => move(2 * i + 1)]).flat(),
    witnesses: () => redis.masters(),
    needless: async () => (await redis.masters()).filter(master => !firstMasters.includes(master)).length - killed.size,
    stop: () => redis.stop()
  }
}
