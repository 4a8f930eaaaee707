// A private Redis Cluster on 127.0.0.1 that cannot outlive the process that started it.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { poll } from './poll.ts'
import { startRedis } from './redis.ts'
import type { RunningRedis } from './redis.ts'

export interface ClusterSetup {
  /** Default: 3. */
  masters?: number
  /** Of each master. Default: 0. */
  replicas?: number
  /** After how long without an answer a node counts as away, in ms. Default: 1000. */
  nodeTimeout?: number
  /** Writes every change to disk before it is answered. Default: false. */
  aof?: boolean
  /** More arguments for every server. */
  config?: string[]
}

export interface RunningCluster {
  /** All servers: those that were made masters first. */
  readonly servers: RunningRedis[]
  /** What `new Cluster()` takes, and the plugin's `redis: { cluster }`. */
  readonly startupNodes: Array<{ host: string, port: number }>
  /** Those that serve slots now. */
  masters (): Promise<RunningRedis[]>
  /** The server that serves a key now. */
  ownerOf (key: string): Promise<RunningRedis>
  /** Resolves once a server that was restarted follows a master again. */
  follows (server: RunningRedis): Promise<void>
  /** Moves the slot of a key, with all that is in it, as resharding does. */
  moveSlotOf (key: string, to: RunningRedis): Promise<void>
  stop (): Promise<void>
}

const SLOTS = 16_384
const within = 30_000
/** Below the ports that the system gives out by itself, and so that the port of the cluster's bus (10,000 above) is too. */
const ports = { from: 10_000, to: 22_000, bus: 10_000 }
const portTries = 10

export async function startCluster (setup: ClusterSetup = {}): Promise<RunningCluster> {
  const { masters = 3, replicas = 0 } = setup
  const servers: RunningRedis[] = []
  try {
    for (let i = 0; i < masters * (1 + replicas); i++) servers.push(await startNode(setup))
    await form(servers, masters)
    return controls(servers)
  } catch (error) {
    await Promise.all(servers.map(server => server.stop()))
    throw error
  }
}

async function startNode ({ nodeTimeout = 1_000, aof = false, config = [] }: ClusterSetup): Promise<RunningRedis> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeout), '--cluster-require-full-coverage', 'no',
    '--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0', ...config]
  for (let attempt = 1; ; attempt++) {
    try {
      return await startRedis({ port: await freePort(), aof, config: args })
    } catch (error) {
      if (attempt === portTries) throw error
    }
  }
}

/** One that is free together with its bus port. */
async function freePort (): Promise<number> {
  for (;;) {
    const port = ports.from + Math.floor(Math.random() * (ports.to - ports.from))
    if (await isFree(port) && await isFree(port + ports.bus)) return port
  }
}

async function isFree (port: number): Promise<boolean> {
  const probe = createServer()
  const free = await once(probe.listen(port, '127.0.0.1'), 'listening').then(() => true, () => false)
  if (free) probe.close()
  return free
}

// Forming

async function form (servers: RunningRedis[], masters: number): Promise<void> {
  const [first, ...others] = servers as [RunningRedis, ...RunningRedis[]]
  for (const [i, server] of servers.entries()) await ask(server, 'SET-CONFIG-EPOCH', i + 1)
  for (const server of others) await ask(server, 'MEET', '127.0.0.1', first.port)
  for (let i = 0; i < masters; i++) await ask(servers[i]!, 'ADDSLOTS', ...share(i, masters))
  await each(servers, 'all know each other', async server => (await nodesOf(server)).filter(node => node.connected).length === servers.length)
  for (const [i, server] of servers.slice(masters).entries()) await ask(server, 'REPLICATE', await ask(servers[i % masters]!, 'MYID'))
  await each(servers.slice(masters), 'every replica follows', isFollower)
  await each(servers, 'all agree on who serves what', async server => {
    const found = (await nodesOf(server)).filter(node => node.isMaster)
    return found.length === masters && String(await ask(server, 'INFO')).includes('cluster_state:ok')
  })
  await agreed(servers)
}

function share (i: number, of: number): number[] {
  const from = Math.floor(SLOTS * i / of)
  return Array.from({ length: Math.floor(SLOTS * (i + 1) / of) - from }, (_, slot) => from + slot)
}

/** As each of them sees it: they hear of changes at different times. */
async function each (servers: RunningRedis[], what: string, holds: (server: RunningRedis) => Promise<boolean>): Promise<void> {
  await Promise.all(servers.map(server => poll(`the cluster forms: ${what}`, within, () => holds(server))))
}

// Asking

interface Node { isMaster: boolean, connected: boolean }

async function over<T> (server: RunningRedis, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(server.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

const ask = (server: RunningRedis, ...words: Array<string | number>): Promise<any> => over(server, client => client.call('CLUSTER', ...words))

/** The cluster as one of its servers sees it. */
async function nodesOf (server: RunningRedis): Promise<Node[]> {
  return String(await ask(server, 'NODES')).trim().split('\n').map(line => {
    const [, , flags, , , , , link] = line.split(' ')
    return { isMaster: flags!.includes('master'), connected: link === 'connected' }
  })
}

const isFollower = async (server: RunningRedis): Promise<boolean> =>
  (await over(server, client => client.info('replication'))).includes('master_link_status:up')

/** What one of those that are there says. */
const anyOf = <T>(servers: RunningRedis[], work: (server: RunningRedis) => Promise<T>): Promise<T> => Promise.any(servers.map(work))

// Controls

function controls (servers: RunningRedis[]): RunningCluster {
  const serverAt = (port: number): RunningRedis => servers.find(server => server.port === port)!
  return {
    servers,
    startupNodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    async masters () { return [...new Set((await rangesOf(servers)).map(({ port }) => serverAt(port)))] },
    async ownerOf (key) { return serverAt(await ownerPort(servers, key)) },
    async follows (server) { await poll('it follows a master', within, () => isFollower(server)) },
    async moveSlotOf (key, to) {
      const from = serverAt(await ownerPort(servers, key))
      if (from !== to) await moveSlot(await ask(from, 'KEYSLOT', key), from, to, servers)
    },
    async stop () { await Promise.all(servers.map(server => server.stop())) }
  }
}

interface Range { from: number, to: number, port: number }

async function rangesOf (servers: RunningRedis[]): Promise<Range[]> {
  const ranges: Array<[number, number, [string, number]]> = await anyOf(servers, server => ask(server, 'SLOTS'))
  return ranges.map(([from, to, [, port]]) => ({ from, to, port }))
}

async function ownerPort (servers: RunningRedis[], key: string): Promise<number> {
  const slot = await anyOf(servers, server => ask(server, 'KEYSLOT', key))
  return (await rangesOf(servers)).find(({ from, to }) => slot >= from && slot <= to)!.port
}

/**
 * Over connections that are open before it begins: whatever is asked for in that slot meanwhile is refused. Masters must
 * agree before and after, epochs included, as redis-cli sees to: with the next move on the heels of one, a master that has not
 * heard of the last takes too low an epoch for its slot, loses it to an older claim, and deletes the keys.
 */
async function moveSlot (slot: number, from: RunningRedis, to: RunningRedis, servers: RunningRedis[]): Promise<void> {
  const [fromId, toId] = [await ask(from, 'MYID'), await ask(to, 'MYID')]
  await agreed(servers)
  await over(from, source => over(to, async target => {
    await Promise.all([source.ping(), target.ping()])
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    for (;;) {
      const keys = await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100) as string[]
      if (keys.length === 0) break
      await source.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys)
    }
    // The new owner first: for a moment two say that it is theirs, and never nobody.
    await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
    await source.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  }))
  await agreed(servers)
}

/** Those that are there see the same masters, with the same epochs and slots. */
async function agreed (servers: RunningRedis[]): Promise<void> {
  await poll('all agree on who serves what', within, async () => {
    const views = await Promise.all(servers.map(server => mastersSeen(server).catch(() => null)))
    return new Set(views.filter(view => view !== null)).size === 1
  })
}

/** Of each master its id, its epoch and its slots. Those that move are in brackets, and only the master itself says so. */
async function mastersSeen (server: RunningRedis): Promise<string> {
  const lines = String(await ask(server, 'NODES')).trim().split('\n').map(line => line.split(' '))
  const masters = lines.filter(([, , flags, , , , , , ...slots]) => flags!.includes('master') && slots.length > 0)
  return masters.map(([id, , , , , , epoch, , ...slots]) => [id, epoch, ...slots.filter(slot => !slot.startsWith('['))].join(' ')).toSorted().join('\n')
}
