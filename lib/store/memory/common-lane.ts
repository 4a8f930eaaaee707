/**
 * The common lanes of tasks in this process: see common-lane.lua.
 */
import { RateLog } from './rate-log.ts'
import { commonLaneOf, type LaneRules } from '../lane-shares.ts'

type CommonRules = NonNullable<LaneRules['common']>

/** So many lanes have their turn at once. */
const MAX_TURNS = 50

class CommonLane {
  readonly slots = new Set<string>()
  readonly log = new RateLog()
  /** Lanes that could go on but for it, the next one first. */
  readonly turns = new Set<string>()

  /** How many tasks it lets in now, and when more, if that is known. */
  room ({ max, rates }: CommonRules, now: number): { left: number, opensAt: number | null } {
    const slots = max - this.slots.size
    const { left, opensAt } = this.log.left(rates, now)
    return { left: Math.min(slots, left), opensAt: slots > 0 ? opensAt : null }
  }

  /** The same for one lane. Who comes later stands behind those that wait. `quota`: how many, if it has its turn. */
  free (name: string, rules: CommonRules, now: number, quota?: number): number {
    const others = this.turns.size - Number(this.turns.has(name))
    if (quota === undefined && others > 0) return 0
    return Math.max(0, Math.min(quota ?? Infinity, this.room(rules, now).left))
  }

  take (id: string, { rates }: CommonRules): void {
    this.slots.add(id)
    if (rates.length > 0) this.log.tokens.add(id)
  }

  leave (ids: string[]): void {
    for (const id of ids) {
      this.slots.delete(id)
      this.log.tokens.delete(id)
    }
  }

  /** Whether a lane waits for it. A lane that had its turn is the last one again. */
  wait (name: string, waits: boolean, hadTurn: boolean): void {
    if (!waits || hadTurn) this.turns.delete(name)
    if (waits) this.turns.add(name)
  }

  /** Which lanes may go on, and how many tasks of each. */
  next (rules: CommonRules, now: number): { lanes: string[], quota: number } {
    const { left } = this.room(rules, now)
    const count = Math.max(0, Math.min(left, this.turns.size, MAX_TURNS))
    return { lanes: [...this.turns].slice(0, count), quota: count === 0 ? 0 : Math.floor(left / count) }
  }
}

export interface CommonLanesHost {
  now: () => number
  rulesOf: (name: string) => LaneRules
  /** Lets at most so many tasks in from a lane. */
  letIn: (lane: string, quota: number) => void
  /** Somebody has to look at the common lane then. */
  lookAt: (name: string, time: number) => void
}

export class CommonLanes {
  readonly #host: CommonLanesHost
  readonly #commons = new Map<string, CommonLane>()
  /** While lanes move: those whose turns are given out afterwards. */
  #late: Set<string> | null = null

  constructor (host: CommonLanesHost) {
    this.#host = host
  }

  /** Of a lane, or of a task. */
  of (lane: string): CommonLane {
    const name = commonLaneOf(lane)
    const common = this.#commons.get(name) ?? new CommonLane()
    this.#commons.set(name, common)
    return common
  }

  /** Tasks of a lane have ended, or wait again. */
  leave (lane: string, ids: string[]): void { this.#commons.get(commonLaneOf(lane))?.leave(ids) }

  /** Several lanes are about to move: turns are given out when all have. */
  together (move: () => void): void {
    const late = this.#late
    this.#late ??= new Set()
    move()
    const names = this.#late
    this.#late = late
    if (!late) for (const name of names) this.giveTurns(name)
  }

  /** Lets tasks in from the lanes that wait for it, as far as it has room. */
  giveTurns (lane: string): void {
    const name = commonLaneOf(lane)
    if (!this.#commons.has(name)) return
    if (this.#late) return void this.#late.add(name)
    this.together(() => {
      let turns = this.#next(name)
      while (turns.lanes.length > 0) {
        for (const lane of turns.lanes) this.#host.letIn(lane, turns.quota)
        turns = this.#next(name)
      }
      this.#late!.delete(name)
    })
  }

  /** If there are none, it is planned when to look again, if that is known. */
  #next (name: string): { lanes: string[], quota: number } {
    const [common, { common: rules }, now] = [this.of(name), this.#host.rulesOf(name), this.#host.now()]
    if (!rules || common.turns.size === 0) return { lanes: [], quota: 0 }
    const turns = common.next(rules, now)
    const { opensAt } = common.room(rules, now)
    if (turns.lanes.length === 0 && opensAt !== null) this.#host.lookAt(name, opensAt)
    return turns
  }
}
