/** The Redis of a run, and its faults: one server behind a proxy, or a cluster whose masters have a queue each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { TcpProxy } from '../proxy.ts'
import { QUEUES } from './plan.ts'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { startRedis, type RunningRedis } from '../../scripts/redis.ts'
import type { Random } from '../random.ts'
import type { RedisChoice } from '../tasks.ts'

export interface FlowServers {
  redis: RedisChoice
  /** The folders of all append-only files. */
  dirs: string[]
  /** Resolves when the fault is over. */
  fault (i: number, random: Random): Promise<void>
  /** Of the server that has a queue. */
  clientOf (queue: string): Redis
  stop (): Promise<void>
}

const setup = { aof: true, config: ['--auto-aof-rewrite-percentage', '0'] }

function clientTo ({ url }: RunningRedis): Redis {
  const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', () => {})
  return client
}

const downtime = (random: Random): number => random.int(300, 2_500)

async function restart (server: RunningRedis): Promise<void> {
  await server.kill()
  await server.restart()
}

async function stopFor (server: RunningRedis, ms: number): Promise<void> {
  server.pause()
  await sleep(ms)
  server.resume()
}

export async function oneServer (): Promise<FlowServers> {
  const server = await startRedis(setup)
  const proxy = await TcpProxy.open(server.port)
  const client = clientTo(server)
  return {
    redis: proxy.url,
    dirs: [server.dir],
    clientOf: () => client,
    async fault (i, random) {
      const ms = downtime(random)
      switch (i % 4) {
        case 0: return restart(server)
        case 1: return proxy.cut(random.chance(0.5))
        case 2: return stopFor(server, ms)
        default:
          proxy.set(random.pick(['stalled', 'replies-held'] as const))
          await sleep(ms)
          proxy.set('open')
          proxy.cut()
      }
    },
    async stop () {
      client.disconnect()
      proxy.close()
      await server.stop()
    }
  }
}

/** Three masters without replicas: a killed one comes back with all that it has answered. Slots stay where they are. */
export async function clusterOfServers (): Promise<FlowServers> {
  const cluster = await startCluster(setup)
  const masters = new Map<string, RunningRedis>()
  for (const queue of QUEUES) masters.set(queue, await cluster.ownerOf(`{${queue}}`))
  if (new Set(masters.values()).size < QUEUES.length) throw new Error('the queues must be on different masters')
  const clients = new Map([...masters].map(([queue, server]) => [queue, clientTo(server)]))
  return {
    redis: { cluster: cluster.startupNodes },
    dirs: [...masters.values()].map(({ dir }) => dir),
    clientOf: queue => clients.get(queue)!,
    async fault (i, random) {
      const server = random.pick([...masters.values()])
      await (i % 2 === 0 ? restart(server) : stopFor(server, downtime(random)))
    },
    async stop () {
      for (const client of clients.values()) client.disconnect()
      await cluster.stop()
    }
  }
}
