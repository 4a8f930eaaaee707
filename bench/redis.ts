/** The private Redis server of the bench, with its own statistics. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startRedis, type RunningRedis } from '../scripts/redis.ts'
import { mainThreadCpu } from './info.ts'
import { median } from './stats.ts'

export interface Usage {
  /** CPU of the server, in µs. */
  cpu: number
  /** Number of commands, including those within scripts. */
  commands: number
  /** Number of reads from its sockets. One write of a client is usually one read. */
  reads: number
}

export class BenchRedis {
  readonly #server: RunningRedis
  readonly #client: Redis

  private constructor (server: RunningRedis, client: Redis) {
    this.#server = server
    this.#client = client
  }

  static async start (): Promise<BenchRedis> {
    const server = await startRedis()
    const client = new Redis(server.url)
    client.on('error', () => {})
    return new BenchRedis(server, client)
  }

  get url (): string { return this.#server.url }
  get port (): number { return this.#server.port }

  /** Empties one database. Default: all. */
  async flush (database?: number): Promise<void> {
    if (database === undefined) return void await this.#client.flushall()
    await this.#client.multi().select(database).flushdb().select(0).exec()
  }

  /** Keys without an expiry. A queue has a few keys with an expiry. */
  async lastingKeys (): Promise<string[]> {
    const keys = await this.#client.keys('*')
    const ttls = await Promise.all(keys.map(key => this.#client.pttl(key)))
    return keys.filter((_key, i) => ttls[i] === -1)
  }

  /** The members of all sets whose key matches. */
  async members (pattern: string): Promise<number> {
    const keys = await this.#client.keys(pattern)
    const sizes = await Promise.all(keys.map(key => this.#client.scard(key)))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  async #info (section: string): Promise<(field: string) => string> {
    const text = await this.#client.info(section)
    return field => new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(text)?.[1] ?? ''
  }

  async usage (): Promise<Usage> {
    const [cpu, stats] = await Promise.all([this.#info('cpu'), this.#info('stats')])
    const seconds = Number(cpu('used_cpu_user')) + Number(cpu('used_cpu_sys'))
    return {
      cpu: seconds * 1e6,
      commands: Number(stats('total_commands_processed')),
      reads: Number(stats('total_reads_processed'))
    }
  }

  /** Bytes in use without the buffers of clients. Waits until it is stable, because Redis frees old tables in steps. */
  async memory (): Promise<number> {
    let last = -1
    for (let i = 0; i < 50; i++) {
      const memory = await this.#info('memory')
      const used = Number(memory('used_memory')) - Number(memory('mem_clients_normal'))
      if (Math.abs(used - last) < 512) return used
      last = used
      await sleep(100)
    }
    return last
  }

  /** Median ms of a PING through another URL of the server, such as a proxy's. */
  async roundTrip (url: string): Promise<number> {
    const client = new Redis(url)
    client.on('error', () => {})
    await client.ping()
    const times: number[] = []
    for (let i = 0; i < 50; i++) {
      const start = performance.now()
      await client.ping()
      times.push(performance.now() - start)
    }
    client.disconnect()
    return median(times)
  }

  /** CPU of its main thread, in ms. */
  mainThreadCpu (): Promise<number> { return mainThreadCpu(this.#client) }

  /** Number of commands, but for those that ask for figures or the time, or keep a connection alive. */
  async calls (): Promise<number> {
    const text = await this.#client.info('commandstats')
    const all = text.matchAll(/^cmdstat_(?!info|ping|time)[^:]+:calls=(\d+)/gm)
    return [...all].reduce((sum, [, calls]) => sum + Number(calls), 0)
  }

  /** How long commands and scripts have run, in µs, but for INFO. What a script calls counts twice. */
  async commandTime (): Promise<number> {
    const text = await this.#client.info('commandstats')
    const all = text.matchAll(/^cmdstat_(?!info)[^:]+:calls=\d+,usec=(\d+)/gm)
    return [...all].reduce((sum, [, usec]) => sum + Number(usec), 0)
  }

  /** Bytes that it has sent. */
  async sent (): Promise<number> { return Number((await this.#info('stats'))('total_net_output_bytes')) }

  async version (): Promise<string> { return (await this.#info('server'))('redis_version') }

  async stop (): Promise<void> {
    this.#client.disconnect()
    await this.#server.stop()
  }
}
