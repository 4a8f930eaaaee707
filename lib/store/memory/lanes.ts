/**
 * The tasks with a limit of one queue in this process: see lane-contract.ts, and lane.lua.
 */
import { splitAtBlank } from '../../records/split-at-blank.ts'
import type { Settlement } from '../contract.ts'
import type { LaneState, QueueLanes } from '../lane-contract.ts'

interface Lane { slots: Set<string>, list: string[] }

export class MemoryLanes implements QueueLanes {
  readonly #enqueue: (ids: string[]) => void
  readonly #isUnfinished: (id: string) => boolean
  readonly #lanes = new Map<string, Lane>()
  /** Ids that wait for a slot, oldest first. */
  readonly #gated = new Set<string>()
  /** The lanes of delayed tasks. */
  readonly #laned = new Map<string, string>()
  readonly #declared = new Map<string, { max: number, startedAt: number }>()
  readonly #set = new Map<string, number>()

  constructor (enqueue: (ids: string[]) => void, isUnfinished: (id: string) => boolean) {
    this.#enqueue = enqueue
    this.#isUnfinished = isUnfinished
  }

  get gated (): ReadonlySet<string> { return this.#gated }

  /** A delayed task: it enters its lane when it is due. */
  delay (id: string, lane: string | undefined): void {
    this.#laned.delete(id)
    if (lane !== undefined) this.#laned.set(id, lane)
  }

  /** Whether it enters its lane when it is due. */
  isToEnter (id: string): boolean { return this.#laned.has(id) }

  enter (id: string, lane: string | undefined): void {
    if (lane === undefined) this.#enqueue([id])
    else this.move(lane, [id])
  }

  /** A task that ended, or waits for its next attempt, gives its slot away. */
  settle ({ id, lane, outcome, ms = 0, keepsSlot = false }: Settlement): void {
    const keeps = (outcome === 'retry' || outcome === 'defer') && (ms <= 0 || keepsSlot)
    if (lane !== undefined && !keeps) this.move(lane, [], [id])
  }

  /** Due tasks without a lane. The others enter theirs. */
  takeDue (ids: string[]): string[] {
    const free = ids.filter(id => !this.#laned.has(id))
    for (const id of ids) {
      const lane = this.#laned.get(id)
      this.#laned.delete(id)
      if (lane !== undefined) this.move(lane, [id])
    }
    return free
  }

  /** New ids enter, and the slots of others are free. */
  move (name: string, arrivals: string[], gone: string[] = []): void {
    const lane = this.#lanes.get(name) ?? { slots: new Set(), list: [] }
    this.#lanes.set(name, lane)
    for (const id of gone) lane.slots.delete(id)
    for (const id of arrivals) {
      lane.list.push(id)
      this.#gated.add(id)
    }
    const admitted: string[] = []
    while (lane.slots.size < this.#maxOf(name) && lane.list.length > 0) {
      const id = lane.list.shift()!
      if (!this.#gated.delete(id)) continue
      lane.slots.add(id)
      admitted.push(id)
    }
    if (lane.slots.size === 0 && lane.list.length === 0) this.#lanes.delete(name)
    this.#enqueue(admitted)
  }

  /** A task that does not run leaves its lane. */
  leave (id: string, name: string | undefined): void {
    if (name === undefined) return
    this.#laned.delete(id)
    const lane = this.#lanes.get(name)
    if (lane && this.#gated.delete(id)) lane.list.splice(lane.list.indexOf(id), 1)
    this.move(name, [], [id])
  }

  /** The limit of the task of a lane. */
  #maxOf (lane: string): number {
    const [name] = splitAtBlank(lane)
    return this.#set.get(name) ?? this.#declared.get(name)?.max ?? 1
  }

  async declare (name: string, max: number, startedAt: number): Promise<void> {
    const before = this.#declared.get(name)
    if (!before || before.startedAt <= startedAt) this.#declared.set(name, { max, startedAt })
  }

  async set (name: string, max: number | null): Promise<void> {
    if (max === null) this.#set.delete(name)
    else this.#set.set(name, max)
    for (const lane of [...this.#lanes.keys()]) if (lane.startsWith(`${name} `)) this.#sweep(lane)
  }

  #sweep (lane: string): void {
    this.move(lane, [], [...this.#lanes.get(lane)!.slots].filter(id => !this.#isUnfinished(id)))
  }

  async read (lane: string): Promise<LaneState> {
    const { slots, list } = this.#lanes.get(lane) ?? { slots: new Set(), list: [] }
    return { lane, used: slots.size, waiting: list.length, max: this.#maxOf(lane) }
  }

  async list (limit: number): Promise<LaneState[]> {
    return Promise.all([...this.#lanes.keys()].slice(0, limit).map(lane => this.read(lane)))
  }
}
