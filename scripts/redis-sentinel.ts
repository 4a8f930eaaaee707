// A private master, its replicas and a Sentinel on 127.0.0.1 that cannot outlive the process that started them.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { poll } from './poll.ts'
import { findRedis, startRedis } from './redis.ts'
import type { RunningRedis } from './redis.ts'
import { startTied } from './tied-process.ts'
import type { TiedProcess } from './tied-process.ts'

export interface SentinelSetup {
  /** Default: 1. */
  replicas?: number
  /** After how long without an answer the master counts as away, in ms. Default: 2000; where it is too short for a busy machine, masters are replaced that are there. */
  downAfter?: number
  /** Writes every change to disk before it is answered. Default: false. */
  aof?: boolean
  /** More arguments for every server. */
  config?: string[]
}

export interface RunningSentinel {
  /** All servers: the first master first. */
  readonly servers: RunningRedis[]
  /** The plugin's `redis` option, and ioredis'. */
  readonly options: { sentinels: Array<{ host: string, port: number }>, name: string }
  /** The one that Sentinel says is master now. */
  master (): Promise<RunningRedis>
  /** How often Sentinel has replaced a master. */
  failovers (): Promise<number>
  /** Resolves with the new master once Sentinel has made another one than this. */
  failedOver (from: RunningRedis): Promise<RunningRedis>
  stop (): Promise<void>
}

const name = 'main'
const within = 30_000

export async function startSentinel (setup: SentinelSetup = {}): Promise<RunningSentinel> {
  const { replicas = 1, aof = false, config = [] } = setup
  const servers: RunningRedis[] = []
  let sentinel: TiedProcess | undefined
  let client: Redis | undefined
  const stop = async (): Promise<void> => {
    client?.disconnect()
    await sentinel?.stop()
    await Promise.all(servers.map(server => server.stop()))
  }
  try {
    const master = await startRedis({ aof, config })
    servers.push(master)
    for (let i = 0; i < replicas; i++) servers.push(await startRedis({ aof, config: [...config, '--replicaof', '127.0.0.1', String(master.port)] }))
    const port = await freePort()
    sentinel = await launch(master, port, setup)
    client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20 })
    client.on('error', () => {})
    await poll('Sentinel knows every replica', within, async () => /role:master/.test(await info(master)) && await connected(client!, replicas))
    return { ...controls(servers, client, port), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** In the master's folder, which goes with it: Sentinel writes to its file. */
async function launch (master: RunningRedis, port: number, { downAfter = 2_000 }: SentinelSetup): Promise<TiedProcess> {
  const dir = join(master.dir, 'sentinel')
  await mkdir(dir)
  const file = join(dir, 'sentinel.conf')
  await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds ${name} ${downAfter}`, `sentinel failover-timeout ${name} 10000`, ''].join('\n'))
  const { path, env } = await findRedis()
  return await startTied(path, [file, '--sentinel'], { env: { ...process.env, LC_ALL: 'C', ...env }, onLine: () => {} })
}

async function freePort (): Promise<number> {
  const probe = await startRedis()
  await probe.stop()
  return probe.port
}

const info = (server: RunningRedis): Promise<string> => {
  const client = new Redis(server.url, { retryStrategy: () => null })
  client.on('error', () => {})
  return client.info('replication').finally(() => client.disconnect())
}

async function connected (client: Redis, replicas: number): Promise<boolean> {
  const found = await client.call('SENTINEL', 'REPLICAS', name) as string[][]
  return found.length === replicas && found.every(one => one[one.indexOf('master-link-status') + 1] === 'ok')
}

function controls (servers: RunningRedis[], client: Redis, port: number): Omit<RunningSentinel, 'stop'> {
  const master = async (): Promise<RunningRedis> => {
    const [, masterPort] = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name) as [string, string]
    return servers.find(server => server.port === Number(masterPort))!
  }
  return {
    servers,
    failovers: async () => {
      const fields = await client.call('SENTINEL', 'MASTER', name) as string[]
      return Number(fields[fields.indexOf('config-epoch') + 1])
    },
    options: { sentinels: [{ host: '127.0.0.1', port }], name },
    master,
    failedOver: from => poll('a replica is master', within, async () => {
      const now = await master()
      return now !== from && /role:master/.test(await info(now)) && now
    })
  }
}
