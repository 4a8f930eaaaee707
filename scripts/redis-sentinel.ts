// Starts a private master, its replicas and a Sentinel on 127.0.0.1. They cannot outlive the process that started them.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { poll } from './poll.ts'
import { findRedis, startRedis } from './redis.ts'
import type { RunningRedis } from './redis.ts'
import { startDependent, type DependentProcess } from './dependent-process.ts'

export interface SentinelSetup {
  /** Default: 1. */
  replicas?: number
  /**
   * Ms without an answer after which the master counts as down. Default: 2000. If this is too short for a busy machine,
   * Sentinel replaces masters that are not down.
   */
  downAfter?: number
  /** Whether to write every change to disk before it is answered. Default: false. */
  aof?: boolean
  /** More arguments for every server. */
  config?: string[]
}

export interface RunningSentinel {
  /** All servers: the first master first. */
  readonly servers: RunningRedis[]
  /** The plugin's option `redis`, and the options of ioredis. */
  readonly options: { sentinels: Array<{ host: string, port: number }>, name: string }
  /** The current master, as Sentinel reports it. */
  master (): Promise<RunningRedis>
  /** How often Sentinel has replaced a master. */
  failovers (): Promise<number>
  /** Waits until Sentinel has replaced this master. Resolves with the new master. */
  failedOver (from: RunningRedis): Promise<RunningRedis>
  stop (): Promise<void>
}

const NAME = 'main'
const TIMEOUT_MS = 30_000

export async function startSentinel (setup: SentinelSetup = {}): Promise<RunningSentinel> {
  const { replicas = 1, aof = false, config = [] } = setup
  const servers: RunningRedis[] = []
  let sentinel: DependentProcess | undefined
  let client: Redis | undefined
  const stop = async (): Promise<void> => {
    client?.disconnect()
    await sentinel?.stop()
    await Promise.all(servers.map(server => server.stop()))
  }
  try {
    const master = await startRedis({ aof, config })
    servers.push(master)
    const replicaConfig = [...config, '--replicaof', '127.0.0.1', String(master.port)]
    for (let i = 0; i < replicas; i++) servers.push(await startRedis({ aof, config: replicaConfig }))
    const port = await freePort()
    sentinel = await startSentinelProcess(master, port, setup)
    client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20 })
    client.on('error', () => {})
    await poll('Sentinel knows every replica', TIMEOUT_MS, async () =>
      /role:master/.test(await info(master)) && await areConnected(client!, replicas))
    return { ...controls(servers, client, port), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Its configuration file, which Sentinel changes, is in the master's folder, and is removed with it. */
async function startSentinelProcess (
  master: RunningRedis, port: number, { downAfter = 2_000 }: SentinelSetup
): Promise<DependentProcess> {
  const dir = join(master.dir, 'sentinel')
  await mkdir(dir)
  const file = join(dir, 'sentinel.conf')
  await writeFile(file, [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds ${NAME} ${downAfter}`,
    `sentinel failover-timeout ${NAME} 10000`,
    ''
  ].join('\n'))
  const { path, env } = await findRedis()
  const options = { env: { ...process.env, LC_ALL: 'C', ...env }, onLine: () => {} }
  return await startDependent(path, [file, '--sentinel'], options)
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

async function areConnected (client: Redis, replicas: number): Promise<boolean> {
  const found = await client.call('SENTINEL', 'REPLICAS', NAME) as string[][]
  return found.length === replicas && found.every(fields => fields[fields.indexOf('master-link-status') + 1] === 'ok')
}

function controls (servers: RunningRedis[], client: Redis, port: number): Omit<RunningSentinel, 'stop'> {
  const master = async (): Promise<RunningRedis> => {
    const [, masterPort] = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME) as [string, string]
    return servers.find(server => server.port === Number(masterPort))!
  }
  return {
    servers,
    failovers: async () => {
      const fields = await client.call('SENTINEL', 'MASTER', NAME) as string[]
      return Number(fields[fields.indexOf('config-epoch') + 1])
    },
    options: { sentinels: [{ host: '127.0.0.1', port }], name: NAME },
    master,
    failedOver: from => poll('a replica is master', TIMEOUT_MS, async () => {
      const now = await master()
      return now !== from && /role:master/.test(await info(now)) && now
    })
  }
}
