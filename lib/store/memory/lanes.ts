/**
 * The tasks with a limit or a rate of one queue in this process: see lane-contract.ts, and lane.lua.
 */
import { RateLog } from './rate-log.ts'
import { SortedIds } from './sorted-ids.ts'
import { byWaiting } from '../lane-shares.ts'
import { splitAtBlank } from '../../records/split-at-blank.ts'
import type { Settlement } from '../contract.ts'
import type { LaneRate, LaneState, LaneTask, QueueLanes } from '../lane-contract.ts'

/** So many tasks of each key are always queued. */
const FEW = 2

interface Lane { slots: Set<string>, list: string[], log: RateLog }

/**
 * Heads come before all that wait, arrivals behind. The slots of heads and of what is gone are free. `isLook`: somebody
 * looks at the lane, though no task of it has ended.
 */
interface Change { arrivals?: string[], heads?: string[], gone?: string[], ran?: string[], isLook?: boolean }

interface Rules { max: number, rates: LaneRate[] }

export interface LanesHost {
  now: () => number
  enqueue: (ids: string[]) => void
  isUnfinished: (id: string) => boolean
  /** How many tasks can be claimed now. */
  queued: () => number
  /** How many tasks the workers can run. 0: not known. */
  capacity: () => number
}

export class MemoryLanes implements QueueLanes {
  readonly #host: LanesHost
  readonly #lanes = new Map<string, Lane>()
  /** Ids that wait for a slot, oldest first. */
  readonly #gated = new Set<string>()
  /** The lanes of delayed tasks. */
  readonly #laned = new Map<string, string>()
  /** When somebody has to look at a lane. */
  readonly #closed = new Map<string, number>()
  /** Lanes without tasks, by the time at which their last start counts no more. */
  readonly #resting = new SortedIds()
  /** Lanes whose tasks wait. */
  readonly #crowded = new Set<string>()
  readonly #declared = new Map<string, Rules & { startedAt: number }>()
  readonly #set = new Map<string, Partial<Rules>>()

  constructor (host: LanesHost) {
    this.#host = host
  }

  /** How many lanes are remembered. */
  get size (): number { return this.#lanes.size }
  get gated (): ReadonlySet<string> { return this.#gated }
  /** When the next lane may go on, ms since 1970. Null if none waits for a time. */
  get due (): number | null { return this.#closed.size === 0 ? null : Math.min(...this.#closed.values()) }

  /** A delayed task: it enters its lane when it is due. */
  delay (id: string, lane: string | undefined): void {
    this.#laned.delete(id)
    if (lane !== undefined) this.#laned.set(id, lane)
  }

  /** Whether it enters its lane when it is due. */
  isToEnter (id: string): boolean { return this.#laned.has(id) }

  enter (id: string, lane: string | undefined): void {
    if (lane === undefined) this.#host.enqueue([id])
    else this.move(lane, { arrivals: [id] })
  }

  /** Whether the next attempt of such a task needs a token. */
  hasRate (lane: string | undefined): boolean { return lane !== undefined && this.#rulesOf(lane).rates.length > 0 }

  /** A task that ended, or waits for its next attempt, gives its slot away. */
  settle ({ id, lane, outcome, ms = 0, keepsSlot = false }: Settlement): void {
    if (lane === undefined) return
    const repeats = outcome === 'retry' || outcome === 'defer'
    const ran = ['drop', 'defer', 'expired'].includes(outcome) ? [] : [id]
    if (outcome === 'limited') this.#hold(lane, ms)
    if (outcome === 'limited' || (repeats && ms <= 0 && this.hasRate(lane))) this.move(lane, { heads: [id], ran })
    else this.move(lane, { ran, gone: repeats && (ms <= 0 || keepsSlot) ? [] : [id] })
  }

  #hold (name: string, ms: number): void {
    const until = this.#host.now() + ms
    this.#lane(name).log.heldUntil = until
    this.#closed.set(name, until)
  }

  /** Due tasks without a lane. The others enter theirs. */
  takeDue (ids: string[]): string[] {
    const free = ids.filter(id => !this.#laned.has(id))
    for (const id of ids) {
      const name = this.#laned.get(id)
      this.#laned.delete(id)
      if (name === undefined) continue
      if (this.#lanes.get(name)?.slots.has(id)) this.move(name, { heads: [id], ran: [id] })
      else this.move(name, { arrivals: [id] })
    }
    return free
  }

  /** Looks at the lanes that may go on by now. */
  onClockMoved (): void {
    this.#forgetResting()
    for (const [name, time] of [...this.#closed]) {
      if (time > this.#host.now()) continue
      this.#closed.delete(name)
      this.move(name, {})
    }
  }

  async start (tasks: LaneTask[]): Promise<void> {
    for (const { id, lane } of tasks) if (this.#lanes.has(lane)) this.move(lane, { ran: [id], isLook: true })
  }

  #lane (name: string): Lane {
    const lane = this.#lanes.get(name) ?? { slots: new Set(), list: [], log: new RateLog() }
    this.#lanes.set(name, lane)
    return lane
  }

  move (name: string, { arrivals = [], heads = [], gone = [], ran = [], isLook = false }: Change): void {
    const [lane, { rates }, now] = [this.#lane(name), this.#rulesOf(name), this.#host.now()]
    for (const id of ran) lane.log.spend(id, rates, now)
    for (const id of [...gone, ...heads]) {
      lane.slots.delete(id)
      lane.log.tokens.delete(id)
    }
    lane.list.unshift(...heads)
    lane.list.push(...arrivals)
    for (const id of [...heads, ...arrivals]) this.#gated.add(id)
    const admitted = this.#admit(name, lane, isLook || arrivals.length > 0)
    const isEmpty = lane.slots.size === 0 && lane.list.length === 0
    if (lane.list.length > 0) this.#crowded.add(name)
    else this.#crowded.delete(name)
    if (isEmpty) this.#resting.put(name, lane.log.restsAt())
    else this.#resting.delete(name)
    this.#forgetResting()
    this.#host.enqueue(admitted)
  }

  /** A key that is used once is not remembered for ever. */
  #forgetResting (): void {
    for (const name of this.#resting.takeUntil(this.#host.now())) this.#lanes.delete(name)
  }

  #admit (name: string, lane: Lane, isNew: boolean): string[] {
    const [{ max, rates }, now, admitted] = [this.#rulesOf(name), this.#host.now(), [] as string[]]
    if (lane.log.heldUntil > now) return []
    const most = Math.min(max, this.#fairMax(name, max, lane.slots.size, isNew))
    while (lane.slots.size < most && lane.list.length > 0) {
      const { left, opensAt } = lane.log.left(rates, now)
      if (left <= 0) {
        if (opensAt !== null) this.#closed.set(name, opensAt)
        break
      }
      const id = lane.list.shift()!
      if (!this.#gated.delete(id)) continue
      lane.slots.add(id)
      if (rates.length > 0) lane.log.tokens.add(id)
      admitted.push(id)
    }
    return admitted
  }

  /** See fair_share in lane.lua. */
  #fairMax (name: string, max: number, used: number, isNew: boolean): number {
    if (max <= FEW || name.endsWith(' ')) return max
    const capacity = this.#host.capacity() || 10
    const crowded = [...this.#crowded].filter(lane => this.#rulesOf(lane).max > FEW && !lane.endsWith(' ')).length
    const [share, queued] = [Math.max(FEW, Math.ceil(2 * capacity / Math.max(1, crowded))), this.#host.queued()]
    const most = isNew && crowded > 0 ? Math.max(FEW, used + 2 * capacity - queued) : share
    return Math.max(Math.min(share, most), used + Math.ceil(capacity / 2) - queued)
  }

  /** A task that does not run leaves its lane. */
  leave (id: string, name: string | undefined): void {
    if (name === undefined) return
    this.#laned.delete(id)
    const lane = this.#lanes.get(name)
    if (lane && this.#gated.delete(id)) lane.list.splice(lane.list.indexOf(id), 1)
    this.move(name, { gone: [id] })
  }

  #rulesOf (lane: string): Rules {
    const [name] = splitAtBlank(lane)
    return { max: 1, rates: [], ...this.#declared.get(name), ...this.#set.get(name) }
  }

  async declare (name: string, max: number, startedAt: number, rates: LaneRate[] = []): Promise<void> {
    const before = this.#declared.get(name)
    if (!before || before.startedAt <= startedAt) this.#declared.set(name, { max, rates, startedAt })
  }

  async set (name: string, max: number | null | undefined, rates?: LaneRate[]): Promise<void> {
    if (max === null) this.#set.delete(name)
    else this.#set.set(name, { ...this.#set.get(name), ...max !== undefined && { max }, ...rates && { rates } })
    for (const lane of [...this.#lanes.keys()]) if (lane.startsWith(`${name} `)) this.#sweep(lane)
  }

  #sweep (lane: string): void {
    const gone = [...this.#lanes.get(lane)!.slots].filter(id => !this.#host.isUnfinished(id))
    this.move(lane, { gone, ran: gone, isLook: true })
  }

  async read (lane: string): Promise<LaneState> {
    const { slots, list } = this.#lanes.get(lane) ?? { slots: new Set<string>(), list: [] }
    const { max, rates } = this.#rulesOf(lane)
    const [opensAt, holder] = [this.#closed.get(lane) ?? null, max === 1 ? [...slots][0] ?? null : null]
    return { lane, used: slots.size, waiting: list.length, max, rates, opensAt, holder }
  }

  /** Lanes that only remember starts have no tasks. */
  async list (limit: number): Promise<LaneState[]> {
    const busy = [...this.#lanes].filter(([, { slots, list }]) => slots.size + list.length > 0)
    const states = await Promise.all(busy.map(([lane]) => this.read(lane)))
    return states.sort(byWaiting).slice(0, limit)
  }
}
