/** What goes wrong, and when: a timetable that follows from the seed, and a log of what was done. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningRedis } from '../scripts/redis.ts'
import type { WorkerFleet } from './worker-fleet.ts'
import type { RedisProbe } from './redis-probe.ts'
import type { Size } from './plan.ts'
import type { Link } from './proxy.ts'
import type { Random } from './random.ts'

export type FaultKind = 'sigkill' | 'sigterm' | 'freeze' | 'restart' | 'pause' | 'full' | 'cut' | 'lost-reply' | 'stall' | 'slow'

export interface Fault {
  kind: FaultKind
  /** The worker's slot; null where it is everyone's, -1 for the producer. */
  slot: number | null
  from: number
  to: number
}

export interface Scene { redis: RunningRedis, direct: RedisProbe, crew: WorkerFleet, links: Link[], producerLink: Link }

const counts: Record<FaultKind, keyof Size> = {
  sigkill: 'sigkills', sigterm: 'sigterms', freeze: 'freezes', restart: 'restarts', pause: 'pauses', full: 'fills', cut: 'cuts', 'lost-reply': 'lostReplies', stall: 'stalls', slow: 'slow'
}

/** Tries to find a worker, or a link, that can have a fault now. */
const TRIES = 40

export class Faults {
  readonly log: Fault[] = []
  readonly #scene: Scene
  readonly #size: Size
  readonly #random: Random
  #redisBusy: Promise<void> = Promise.resolve()

  constructor (scene: Scene, size: Size, random: Random) {
    this.#scene = scene
    this.#size = size
    this.#random = random
  }

  /** Resolves once all faults are over. */
  async play (signal: AbortSignal): Promise<void> {
    const start = Date.now()
    const running: Array<Promise<void>> = []
    for (const { kind, at } of this.#timetable()) {
      await sleep(Math.max(0, start + at - Date.now()), undefined, { signal })
      running.push(this.#make(kind))
    }
    await Promise.all(running)
    for (const link of this.#links) link.set('open')
  }

  /** Each kind is spread over the whole time, at a random moment of its share. */
  #timetable (): Array<{ kind: FaultKind, at: number }> {
    const kinds = Object.keys(counts) as FaultKind[]
    const table = kinds.flatMap(kind => {
      const count = this.#size[counts[kind]]
      return Array.from({ length: count }, (_, i) => ({ kind, at: (i + this.#random.next()) / count * this.#size.trouble }))
    })
    return table.sort((a, b) => a.at - b.at)
  }

  #note (kind: FaultKind, slot: number | null, from: number): void { this.log.push({ kind, slot, from, to: Date.now() }) }

  #make (kind: FaultKind): Promise<void> {
    switch (kind) {
      case 'sigkill': return this.#endWorker(kind, 'SIGKILL')
      case 'sigterm': return this.#endWorker(kind, 'SIGTERM')
      case 'freeze': return this.#freeze()
      case 'restart': return this.#alone(() => this.#restart())
      case 'pause': return this.#alone(() => this.#pause())
      case 'full': return this.#alone(() => this.#fill())
      case 'cut': return this.#onLink(kind, async link => link.cut(this.#random.chance(0.5)))
      case 'lost-reply': return this.#onLink(kind, link => this.#loseReplies(link))
      case 'stall': return this.#onLink(kind, link => this.#stall(link))
      case 'slow': return this.#onLink(kind, link => this.#slow(link))
      default: return kind satisfies never
    }
  }

  // Workers

  async #endWorker (kind: 'sigkill' | 'sigterm', signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { crew, links } = this.#scene
    for (let i = 0; i < TRIES; i++) {
      const slot = this.#random.int(0, links.length - 1)
      if (crew.end(slot, signal)) return this.#note(kind, slot, Date.now())
      await sleep(50)
    }
  }

  async #freeze (): Promise<void> {
    const { crew, links } = this.#scene
    const from = Date.now()
    const ms = this.#random.int(2_500, 3_500)
    const slot = this.#random.int(0, links.length - 1)
    if (crew.freeze(slot, ms) === null) return
    await sleep(ms)
    this.#note('freeze', slot, from)
  }

  // Redis: one after the other

  #alone (work: () => Promise<void>): Promise<void> {
    this.#redisBusy = this.#redisBusy.then(work)
    return this.#redisBusy
  }

  async #restart (): Promise<void> {
    const { redis } = this.#scene
    const from = Date.now()
    // Some are shut down in an orderly way.
    if (this.#random.chance(0.75)) await redis.kill()
    else await redis.stop()
    await sleep(this.#random.int(50, this.#size.away))
    await redis.restart()
    this.#note('restart', null, from)
  }

  async #pause (): Promise<void> {
    const from = Date.now()
    this.#scene.redis.pause()
    await sleep(this.#random.int(300, 3_500))
    this.#scene.redis.resume()
    this.#note('pause', null, from)
  }

  async #fill (): Promise<void> {
    const from = Date.now()
    await this.#scene.direct.limitMemory(1)
    await sleep(this.#random.int(300, 3_000))
    await this.#scene.direct.limitMemory(0)
    this.#note('full', null, from)
  }

  // Connections

  get #links (): Link[] { return [...this.#scene.links, this.#scene.producerLink] }

  /** On one link, or now and then on all. */
  async #onLink (kind: FaultKind, work: (link: Link) => Promise<void>): Promise<void> {
    const links = this.#links
    const free = links.filter(link => link.mode === 'open')
    if (free.length === 0) return
    const chosen = this.#random.chance(0.1) ? free : [this.#random.pick(free)]
    const from = Date.now()
    await Promise.all(chosen.map(work))
    for (const link of chosen) this.#note(kind, link === this.#scene.producerLink ? -1 : links.indexOf(link), from)
  }

  /** Redis carries out what it is told, and nobody hears of it. */
  async #loseReplies (link: Link): Promise<void> {
    link.set('replies-held')
    await sleep(this.#random.int(5, 400))
    link.cut()
    link.set('open')
  }

  async #stall (link: Link): Promise<void> {
    link.set('stalled')
    await sleep(this.#random.int(500, 5_000))
    if (this.#random.chance(0.5)) link.cut(this.#random.chance(0.5))
    link.set('open')
  }

  async #slow (link: Link): Promise<void> {
    link.set('slow', this.#random.int(5, 150))
    await sleep(this.#random.int(1_000, 4_000))
    if (this.#random.chance(0.3)) link.cut(true)
    link.set('open')
  }
}
