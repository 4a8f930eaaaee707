/**
 * Tells flows the ends of their members: those that a worker settled in one turn, of one flow, in one call.
 */
import type { FlowEngine } from './engine.ts'
import type { FlowRef } from './flow-ref.ts'
import { toEnd } from './member-end.ts'
import type { StoredTask } from '../records/task-record.ts'
import type { FlowCommand, MemberOutcome } from '../store/flow-contract.ts'

interface Pending { flow: FlowRef, ends: Array<FlowCommand & { name: 'end' }> }

export class MemberEnds {
  readonly #engine: FlowEngine
  #pending = new Map<string, Pending>()
  readonly #telling = new Set<Promise<void>>()

  constructor (engine: FlowEngine) {
    this.#engine = engine
  }

  /** @param message why it failed */
  add ({ options, data }: StoredTask, outcome: MemberOutcome, message?: string): void {
    const { id, home, node, generation, key, keep } = options.flow!
    const name = `${home} ${id}`
    if (this.#pending.size === 0) queueMicrotask(() => this.#tellAll())
    const pending = this.#pending.get(name) ?? { flow: { id, home, life: keep }, ends: [] }
    this.#pending.set(name, pending)
    pending.ends.push(toEnd(node, String(generation), outcome, { key, task: data.name, message: message ?? '' }))
  }

  #tellAll (): void {
    const all = this.#pending
    this.#pending = new Map()
    for (const { flow, ends } of all.values()) {
      const telling = this.#engine.ended(flow, ends).catch(() => {}) // the sweep finds what was not told
      this.#telling.add(telling)
      void telling.finally(() => this.#telling.delete(telling))
    }
  }

  /** Resolves once all is told. */
  async drained (): Promise<void> {
    this.#tellAll()
    while (this.#telling.size > 0) await Promise.all(this.#telling)
  }
}
