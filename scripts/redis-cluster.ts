// Starts a private Redis Cluster on 127.0.0.1 that cannot outlive the process that started it.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { poll } from './poll.ts'
import { startRedis } from './redis.ts'
import type { RunningRedis } from './redis.ts'

export interface ClusterSetup {
  /** Default: 3. */
  masters?: number
  /** Number of replicas of each master. Default: 0. */
  replicas?: number
  /** Ms without an answer after which a node counts as down. Default: 1000. */
  nodeTimeout?: number
  /** Whether to write every change to disk before it is answered. Default: false. */
  aof?: boolean
  /** More arguments for every server. */
  config?: string[]
}

export interface RunningCluster {
  /** All servers, the first masters first. */
  readonly servers: RunningRedis[]
  /** The argument of `new Cluster()`, and of the plugin's option `redis: { cluster }`. */
  readonly startupNodes: Array<{ host: string, port: number }>
  /** The servers that have slots now. */
  masters (): Promise<RunningRedis[]>
  /** The master that has a key's slot now. */
  ownerOf (key: string): Promise<RunningRedis>
  /** Resolves when a restarted server is a connected replica again. */
  follows (server: RunningRedis): Promise<void>
  /** Moves the slot of a key, with all its keys, as resharding does. */
  moveSlotOf (key: string, to: RunningRedis): Promise<void>
  stop (): Promise<void>
}

const SLOTS = 16_384
const TIMEOUT_MS = 30_000
/** Below the range of ephemeral ports, with room for the port of the cluster bus, which is 10,000 higher. */
const PORTS = { from: 10_000, to: 22_000, bus: 10_000 }
const PORT_TRIES = 10

export async function startCluster (setup: ClusterSetup = {}): Promise<RunningCluster> {
  const { masters = 3, replicas = 0 } = setup
  const servers: RunningRedis[] = []
  try {
    for (let i = 0; i < masters * (1 + replicas); i++) servers.push(await startNode(setup))
    await formCluster(servers, masters)
    return controls(servers)
  } catch (error) {
    await Promise.all(servers.map(server => server.stop()))
    throw error
  }
}

async function startNode ({ nodeTimeout = 1_000, aof = false, config = [] }: ClusterSetup): Promise<RunningRedis> {
  const args = [
    '--cluster-enabled', 'yes',
    '--cluster-node-timeout', String(nodeTimeout),
    '--cluster-require-full-coverage', 'no',
    '--cluster-replica-validity-factor', '0',
    '--repl-diskless-sync-delay', '0',
    ...config
  ]
  for (let attempt = 1; ; attempt++) {
    try {
      return await startRedis({ port: await freePort(), aof, config: args })
    } catch (error) {
      if (attempt === PORT_TRIES) throw error
    }
  }
}

/** A port that is free, and whose bus port is free. */
async function freePort (): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    if (await isFree(port) && await isFree(port + PORTS.bus)) return port
  }
}

async function isFree (port: number): Promise<boolean> {
  const probe = createServer()
  const free = await once(probe.listen(port, '127.0.0.1'), 'listening').then(() => true, () => false)
  if (free) probe.close()
  return free
}

// Forming

async function formCluster (servers: RunningRedis[], masters: number): Promise<void> {
  const [first, ...others] = servers as [RunningRedis, ...RunningRedis[]]
  for (const [i, server] of servers.entries()) await cluster(server, 'SET-CONFIG-EPOCH', i + 1)
  for (const server of others) await cluster(server, 'MEET', '127.0.0.1', first.port)
  for (let i = 0; i < masters; i++) await cluster(servers[i]!, 'ADDSLOTS', ...slotsOf(i, masters))
  await waitForEach(servers, 'all nodes are connected', async server => {
    const connected = (await nodesOf(server)).filter(node => node.connected)
    return connected.length === servers.length
  })
  for (const [i, server] of servers.slice(masters).entries()) {
    await cluster(server, 'REPLICATE', await cluster(servers[i % masters]!, 'MYID'))
  }
  await waitForEach(servers.slice(masters), 'every replica is connected', isReplica)
  await waitForEach(servers, 'all agree on the masters', async server => {
    const found = (await nodesOf(server)).filter(node => node.isMaster)
    return found.length === masters && String(await cluster(server, 'INFO')).includes('cluster_state:ok')
  })
  await waitForAgreement(servers)
}

/** The slots of the i-th master. */
function slotsOf (i: number, masters: number): number[] {
  const from = Math.floor(SLOTS * i / masters)
  return Array.from({ length: Math.floor(SLOTS * (i + 1) / masters) - from }, (_, slot) => from + slot)
}

/** Waits for every server, because servers learn of a change at different times. */
async function waitForEach (
  servers: RunningRedis[], title: string, check: (server: RunningRedis) => Promise<boolean>
): Promise<void> {
  await Promise.all(servers.map(server => poll(`the cluster forms: ${title}`, TIMEOUT_MS, () => check(server))))
}

// Commands

interface Node { isMaster: boolean, connected: boolean }

async function withClient<T> (server: RunningRedis, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(server.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

/** Calls a CLUSTER command. */
const cluster = (server: RunningRedis, ...args: Array<string | number>): Promise<any> =>
  withClient(server, client => client.call('CLUSTER', ...args))

/** The cluster as one of its servers sees it. */
async function nodesOf (server: RunningRedis): Promise<Node[]> {
  return String(await cluster(server, 'NODES')).trim().split('\n').map(line => {
    const [, , flags, , , , , link] = line.split(' ')
    return { isMaster: flags!.includes('master'), connected: link === 'connected' }
  })
}

const isReplica = async (server: RunningRedis): Promise<boolean> =>
  (await withClient(server, client => client.info('replication'))).includes('master_link_status:up')

/** The first answer of any server. Servers may be down. */
const firstAnswer = <T>(servers: RunningRedis[], work: (server: RunningRedis) => Promise<T>): Promise<T> =>
  Promise.any(servers.map(work))

// Controls

function controls (servers: RunningRedis[]): RunningCluster {
  const serverAt = (port: number): RunningRedis => servers.find(server => server.port === port)!
  return {
    servers,
    startupNodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    async masters () { return [...new Set((await rangesOf(servers)).map(({ port }) => serverAt(port)))] },
    async ownerOf (key) { return serverAt(await ownerPort(servers, key)) },
    async follows (server) { await poll('it is a connected replica', TIMEOUT_MS, () => isReplica(server)) },
    async moveSlotOf (key, to) {
      const from = serverAt(await ownerPort(servers, key))
      if (from !== to) await moveSlot(await cluster(from, 'KEYSLOT', key), from, to, servers)
    },
    async stop () { await Promise.all(servers.map(server => server.stop())) }
  }
}

interface Range { from: number, to: number, port: number }

async function rangesOf (servers: RunningRedis[]): Promise<Range[]> {
  type Slots = Array<[number, number, [string, number]]>
  const ranges: Slots = await firstAnswer(servers, server => cluster(server, 'SLOTS'))
  return ranges.map(([from, to, [, port]]) => ({ from, to, port }))
}

async function ownerPort (servers: RunningRedis[], key: string): Promise<number> {
  const slot = await firstAnswer(servers, server => cluster(server, 'KEYSLOT', key))
  return (await rangesOf(servers)).find(({ from, to }) => slot >= from && slot <= to)!.port
}

/**
 * Opens its connections before the move, because the servers refuse commands for the slot meanwhile. As redis-cli
 * does, it waits before and after the move until the masters agree, epochs included. Otherwise a master that has
 * missed the last move may take an epoch that is too low, lose its slot to an older owner, and delete the keys.
 */
async function moveSlot (slot: number, from: RunningRedis, to: RunningRedis, servers: RunningRedis[]): Promise<void> {
  const [fromId, toId] = [await cluster(from, 'MYID'), await cluster(to, 'MYID')]
  await waitForAgreement(servers)
  await withClient(from, source => withClient(to, async target => {
    await Promise.all([source.ping(), target.ping()])
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    for (;;) {
      const keys = await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100) as string[]
      if (keys.length === 0) break
      await source.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys)
    }
    // The new owner first: then the slot has two owners for a moment, and always at least one.
    await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
    await source.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  }))
  await waitForAgreement(servers)
}

/** Waits until all running servers report the same masters, with the same epochs and slots. */
async function waitForAgreement (servers: RunningRedis[]): Promise<void> {
  await poll('all agree on the masters', TIMEOUT_MS, async () => {
    const views = await Promise.all(servers.map(server => describeMasters(server).catch(() => null)))
    return new Set(views.filter(view => view !== null)).size === 1
  })
}

/** The id, epoch and slots of each master. Without moving slots, which only the master itself lists, in brackets. */
async function describeMasters (server: RunningRedis): Promise<string> {
  const lines = String(await cluster(server, 'NODES')).trim().split('\n').map(line => line.split(' '))
  const masters = lines.filter(([, , flags, , , , , , ...slots]) => flags!.includes('master') && slots.length > 0)
  const texts = masters.map(([id, , , , , , epoch, , ...slots]) =>
    [id, epoch, ...slots.filter(slot => !slot.startsWith('['))].join(' '))
  return texts.toSorted().join('\n')
}
