/**
 * The tasks with a limit or a rate of one queue in this process: see lane-contract.ts, and lane.lua.
 */
import { CommonLanes } from './common-lane.ts'
import { RateLog } from './rate-log.ts'
import { SortedIds } from './sorted-ids.ts'
import { byWaiting, commonLaneOf, hasKey, isCommonLane, toLaneRules, type LaneRules } from '../lane-shares.ts'
import type { ReleasedClaim, Settlement } from '../contract.ts'
import type { CommonLaneState, LaneMax, LaneRate, LaneState, LaneTask, QueueLanes } from '../lane-contract.ts'

/** So many tasks of each key are always queued. */
const FEW = 2

interface Lane { slots: Set<string>, list: string[], log: RateLog }

/**
 * Heads come before all that wait, arrivals behind. The slots of heads and of what is gone are free. `isLook`: somebody
 * looks at the lane, though no task of it has ended. `quota`: how many may be admitted, as it is its turn in the
 * common lane.
 */
interface Change {
  arrivals?: string[]
  heads?: string[]
  gone?: string[]
  ran?: string[]
  isLook?: boolean
  quota?: number
}

/** What is declared, or set. */
interface Rules { max: LaneMax, rates: LaneRate[] }

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
  readonly #commons = new CommonLanes({
    now: () => this.#host.now(),
    rulesOf: name => this.#rulesOf(name),
    letIn: (lane, quota) => this.move(lane, { quota }),
    lookAt: (name, time) => this.#closed.set(name, time)
  })

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
  hasRate (lane: string | undefined): boolean {
    if (lane === undefined) return false
    const { rates, common } = this.#rulesOf(lane)
    return rates.length > 0 || (common !== null && common.rates.length > 0)
  }

  /** A task that ended, or waits for its next attempt, gives its slot away. */
  settle ({ id, lane, outcome, ms = 0, keepsSlot = false }: Settlement): void {
    if (lane === undefined) return
    const repeats = outcome === 'retry' || outcome === 'defer'
    const ran = ['drop', 'defer', 'expired'].includes(outcome) ? [] : [id]
    if (outcome === 'limited') this.#hold(lane, ms)
    if (outcome === 'limited' || (repeats && ms <= 0 && this.hasRate(lane))) this.move(lane, { heads: [id], ran })
    else this.move(lane, { ran, gone: repeats && (ms <= 0 || keepsSlot) ? [] : [id] })
  }

  /** Of claims that were given back: what has started needs another token. Returns all others. */
  takeStarted (claims: ReleasedClaim[], released: string[]): string[] {
    const laneOf = new Map(claims.map(({ id, lane }) => [id, this.hasRate(lane) ? lane : undefined]))
    for (const lane of new Set(laneOf.values())) {
      const heads = released.filter(id => laneOf.get(id) === lane)
      if (lane !== undefined && heads.length > 0) this.move(lane, { heads, ran: heads })
    }
    return released.filter(id => laneOf.get(id) === undefined)
  }

  #hold (name: string, ms: number): void {
    const { log } = this.#lane(name)
    log.heldUntil = Math.max(log.heldUntil, this.#host.now() + ms)
    this.#closed.set(name, log.heldUntil)
  }

  /** Due tasks without a lane. The others enter theirs, the lanes in the order of their first tasks. */
  takeDue (ids: string[]): string[] {
    const changes = new Map<string, { arrivals: string[], heads: string[] }>()
    for (const id of ids) {
      const name = this.#laned.get(id)
      if (name === undefined) continue
      const change = changes.get(name) ?? { arrivals: [], heads: [] }
      changes.set(name, change)
      change[this.#lanes.get(name)?.slots.has(id) ? 'heads' : 'arrivals'].push(id)
    }
    const free = ids.filter(id => !this.#laned.delete(id))
    this.#commons.together(() => {
      for (const [name, change] of changes) this.move(name, { ...change, ran: change.heads })
    })
    return free
  }

  /** Looks at the lanes that may go on by now. @param queueDue queues tasks that are due: turns come behind them */
  onClockMoved (queueDue: () => void): void {
    this.#forgetResting()
    const open = [...this.#closed].filter(([, time]) => time <= this.#host.now())
    const byTime = open.toSorted(([one, time], [other, otherTime]) => time - otherTime || (one < other ? -1 : 1))
    this.#commons.together(() => {
      queueDue()
      for (const [name] of byTime) {
        this.#closed.delete(name)
        if (isCommonLane(name)) this.#commons.giveTurns(name)
        else this.move(name, {})
      }
    })
  }

  async start (tasks: LaneTask[]): Promise<void> {
    for (const { id, lane } of tasks) if (this.#lanes.has(lane)) this.move(lane, { ran: [id], isLook: true })
  }

  #lane (name: string): Lane {
    const lane = this.#lanes.get(name) ?? { slots: new Set(), list: [], log: new RateLog() }
    this.#lanes.set(name, lane)
    return lane
  }

  move (name: string, change: Change): void {
    const { arrivals = [], heads = [], isLook = false } = change
    const lane = this.#lane(name)
    this.#free(name, lane, change)
    lane.list.unshift(...heads)
    lane.list.push(...arrivals)
    for (const id of [...heads, ...arrivals]) this.#gated.add(id)
    const admitted = this.#admit(name, lane, isLook || arrivals.length > 0, change.quota)
    const isEmpty = lane.slots.size === 0 && lane.list.length === 0
    if (lane.list.length > 0) this.#crowded.add(name)
    else this.#crowded.delete(name)
    if (isEmpty) this.#resting.put(name, lane.log.restsAt())
    else this.#resting.delete(name)
    this.#forgetResting()
    this.#host.enqueue(admitted)
    this.#commons.giveTurns(name)
  }

  /** Takes the slots of what has ended, and remembers what has started. */
  #free (name: string, lane: Lane, { heads = [], gone = [], ran = [] }: Change): void {
    const [{ rates, common }, now] = [this.#rulesOf(name), this.#host.now()]
    for (const id of ran) {
      lane.log.spend(id, rates, now)
      if (common) this.#commons.of(name).log.spend(id, common.rates, now)
    }
    for (const id of [...gone, ...heads]) {
      lane.slots.delete(id)
      lane.log.tokens.delete(id)
    }
    this.#commons.leave(name, [...gone, ...heads]) // it may have had a common lane before
  }

  /** A key that is used once is not remembered for ever. */
  #forgetResting (): void {
    for (const name of this.#resting.takeUntil(this.#host.now())) this.#lanes.delete(name)
  }

  #admit (name: string, lane: Lane, isNew: boolean, quota?: number): string[] {
    const [{ max, rates, common: rules }, now, admitted] = [this.#rulesOf(name), this.#host.now(), [] as string[]]
    const common = rules && this.#commons.of(name)
    const most = lane.log.heldUntil > now ? 0 : Math.min(max, this.#fairMax(name, max, lane.slots.size, isNew))
    const free = common ? common.free(name, rules, now, quota) : Infinity
    let waits = false
    while (lane.slots.size < most && lane.list.length > 0) {
      const { left, opensAt } = lane.log.left(rates, now)
      if (left <= 0) {
        if (opensAt !== null) this.#closed.set(name, opensAt)
        break
      }
      waits = admitted.length >= free
      if (waits) break
      const id = lane.list.shift()!
      if (!this.#gated.delete(id)) continue
      lane.slots.add(id)
      if (rates.length > 0) lane.log.tokens.add(id)
      if (common) common.take(id, rules)
      admitted.push(id)
    }
    common?.wait(name, waits, quota !== undefined)
    return admitted
  }

  /** See fair_share in lane.lua. */
  #fairMax (name: string, max: number, used: number, isNew: boolean): number {
    if (max <= FEW || !hasKey(name)) return max
    const capacity = this.#host.capacity() || 10
    const crowded = [...this.#crowded].filter(lane => this.#rulesOf(lane).max > FEW && hasKey(lane)).length
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

  #rulesOf (lane: string): LaneRules {
    const name = commonLaneOf(lane)
    const { max, rates }: Rules = { max: 1, rates: [], ...this.#declared.get(name), ...this.#set.get(name) }
    return toLaneRules(max, rates)
  }

  async declare (name: string, max: LaneMax, startedAt: number, rates: LaneRate[] = []): Promise<void> {
    const before = this.#declared.get(name)
    if (!before || before.startedAt <= startedAt) this.#declared.set(name, { max, rates, startedAt })
  }

  async set (name: string, max: LaneMax | null | undefined, rates?: LaneRate[]): Promise<void> {
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
    const { max, rates, common } = this.#rulesOf(lane)
    const [opensAt, holder] = [this.#closed.get(lane) ?? null, max === 1 ? [...slots][0] ?? null : null]
    const waits = { used: slots.size, waiting: list.length, max, rates, opensAt, holder }
    return { lane, ...waits, common: common && this.#readCommon(lane, common) }
  }

  #readCommon (lane: string, { max, rates }: NonNullable<LaneRules['common']>): CommonLaneState {
    const opensAt = this.#closed.get(commonLaneOf(lane)) ?? null
    const used = this.#commons.of(lane).slots.size
    return { used, max, rates: rates.map(({ max, window }) => ({ max, window })), opensAt }
  }

  /** Lanes that only remember starts have no tasks. */
  async list (limit: number): Promise<LaneState[]> {
    const busy = [...this.#lanes].filter(([, { slots, list }]) => slots.size + list.length > 0)
    const states = await Promise.all(busy.map(([lane]) => this.read(lane)))
    return states.sort(byWaiting).slice(0, limit)
  }
}
