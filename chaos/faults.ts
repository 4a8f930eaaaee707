/** Injects faults at times that follow from the seed, and logs them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningRedis } from '../scripts/redis.ts'
import type { WorkerFleet } from './worker-fleet.ts'
import type { RedisProbe } from './redis-probe.ts'
import type { Size } from './plan.ts'
import type { TcpProxy } from './proxy.ts'
import type { Random } from './random.ts'

export type FaultKind =
  'sigkill' | 'sigterm' | 'freeze' | 'restart' | 'pause' | 'full' | 'cut' | 'lost-reply' | 'stall' | 'slow'

export interface Fault {
  kind: FaultKind
  /** The worker's slot; null for a fault of Redis, which affects all; -1 for the producer's connection. */
  slot: number | null
  from: number
  to: number
}

/** The processes, servers and connections that can have a fault. */
export interface Targets {
  redis: RunningRedis
  probe: RedisProbe
  fleet: WorkerFleet
  /** The proxy of each worker slot. */
  proxies: TcpProxy[]
  producerProxy: TcpProxy
}

const counts: Record<FaultKind, keyof Size> = {
  sigkill: 'sigkills',
  sigterm: 'sigterms',
  freeze: 'freezes',
  restart: 'restarts',
  pause: 'pauses',
  full: 'fills',
  cut: 'cuts',
  'lost-reply': 'lostReplies',
  stall: 'stalls',
  slow: 'slow'
}

/** How often to look for a worker that can get a signal. */
const TRIES = 40

export class Faults {
  readonly log: Fault[] = []
  readonly #targets: Targets
  readonly #size: Size
  readonly #random: Random
  #lastRedisFault: Promise<void> = Promise.resolve()

  constructor (targets: Targets, size: Size, random: Random) {
    this.#targets = targets
    this.#size = size
    this.#random = random
  }

  /** Injects all faults. Resolves when the last one is over. */
  async run (signal: AbortSignal): Promise<void> {
    const start = Date.now()
    const running: Array<Promise<void>> = []
    for (const { kind, at } of this.#schedule()) {
      await sleep(Math.max(0, start + at - Date.now()), undefined, { signal })
      running.push(this.#inject(kind))
    }
    await Promise.all(running)
    for (const proxy of this.#proxies) proxy.set('open')
  }

  /** Spreads each kind over the whole duration: one fault at a random moment of each equal part. */
  #schedule (): Array<{ kind: FaultKind, at: number }> {
    const kinds = Object.keys(counts) as FaultKind[]
    const schedule = kinds.flatMap(kind => {
      const count = this.#size[counts[kind]]
      const time = (i: number): number => (i + this.#random.next()) / count * this.#size.duration
      return Array.from({ length: count }, (_, i) => ({ kind, at: time(i) }))
    })
    return schedule.sort((a, b) => a.at - b.at)
  }

  #record (kind: FaultKind, slot: number | null, from: number): void {
    this.log.push({ kind, slot, from, to: Date.now() })
  }

  #inject (kind: FaultKind): Promise<void> {
    switch (kind) {
      case 'sigkill': return this.#endWorker(kind, 'SIGKILL')
      case 'sigterm': return this.#endWorker(kind, 'SIGTERM')
      case 'freeze': return this.#freeze()
      case 'restart': return this.#oneAtATime(() => this.#restart())
      case 'pause': return this.#oneAtATime(() => this.#pause())
      case 'full': return this.#oneAtATime(() => this.#fill())
      case 'cut': return this.#onProxies(kind, async proxy => proxy.cut(this.#random.chance(0.5)))
      case 'lost-reply': return this.#onProxies(kind, proxy => this.#loseReplies(proxy))
      case 'stall': return this.#onProxies(kind, proxy => this.#stall(proxy))
      case 'slow': return this.#onProxies(kind, proxy => this.#slow(proxy))
      default: return kind satisfies never
    }
  }

  // Workers

  async #endWorker (kind: 'sigkill' | 'sigterm', signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { fleet, proxies } = this.#targets
    for (let i = 0; i < TRIES; i++) {
      const slot = this.#random.int(0, proxies.length - 1)
      if (fleet.end(slot, signal)) return this.#record(kind, slot, Date.now())
      await sleep(50)
    }
  }

  async #freeze (): Promise<void> {
    const { fleet, proxies } = this.#targets
    const from = Date.now()
    const ms = this.#random.int(2_500, 3_500)
    const slot = this.#random.int(0, proxies.length - 1)
    if (fleet.freeze(slot, ms) === null) return
    await sleep(ms)
    this.#record('freeze', slot, from)
  }

  // Redis: at most one fault at a time

  #oneAtATime (inject: () => Promise<void>): Promise<void> {
    this.#lastRedisFault = this.#lastRedisFault.then(inject)
    return this.#lastRedisFault
  }

  async #restart (): Promise<void> {
    const { redis } = this.#targets
    const from = Date.now()
    // A quarter of the restarts begin with an orderly shutdown.
    if (this.#random.chance(0.75)) await redis.kill()
    else await redis.stop()
    await sleep(this.#random.int(50, this.#size.maxDowntime))
    await redis.restart()
    this.#record('restart', null, from)
  }

  async #pause (): Promise<void> {
    const from = Date.now()
    this.#targets.redis.pause()
    await sleep(this.#random.int(300, 3_500))
    this.#targets.redis.resume()
    this.#record('pause', null, from)
  }

  async #fill (): Promise<void> {
    const from = Date.now()
    await this.#targets.probe.limitMemory(1)
    await sleep(this.#random.int(300, 3_000))
    await this.#targets.probe.limitMemory(0)
    this.#record('full', null, from)
  }

  // Connections

  get #proxies (): TcpProxy[] { return [...this.#targets.proxies, this.#targets.producerProxy] }

  /** Injects a fault on a random open proxy, or, one time in ten, on all open proxies. */
  async #onProxies (kind: FaultKind, inject: (proxy: TcpProxy) => Promise<void>): Promise<void> {
    const proxies = this.#proxies
    const free = proxies.filter(proxy => proxy.mode === 'open')
    if (free.length === 0) return
    const chosen = this.#random.chance(0.1) ? free : [this.#random.pick(free)]
    const from = Date.now()
    await Promise.all(chosen.map(inject))
    for (const proxy of chosen) {
      const slot = proxy === this.#targets.producerProxy ? -1 : proxies.indexOf(proxy)
      this.#record(kind, slot, from)
    }
  }

  /** Redis runs the commands, but the client gets no reply. */
  async #loseReplies (proxy: TcpProxy): Promise<void> {
    proxy.set('replies-held')
    await sleep(this.#random.int(5, 400))
    proxy.cut()
    proxy.set('open')
  }

  async #stall (proxy: TcpProxy): Promise<void> {
    proxy.set('stalled')
    await sleep(this.#random.int(500, 5_000))
    if (this.#random.chance(0.5)) proxy.cut(this.#random.chance(0.5))
    proxy.set('open')
  }

  async #slow (proxy: TcpProxy): Promise<void> {
    proxy.set('slow', this.#random.int(5, 150))
    await sleep(this.#random.int(1_000, 4_000))
    if (this.#random.chance(0.3)) proxy.cut(true)
    proxy.set('open')
  }
}
