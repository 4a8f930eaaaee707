/**
 * A task as a walk over many reads it. Its public record is made only if it is asked for: most walks need none.
 */
import { lifeOf, stateOf, toTaskRecord, type StoredTask } from '../records/task-record.ts'
import type { CheckedFilter } from '../options.ts'
import type { Definition } from './definition.ts'
import type { FoundTask } from './found-task.ts'
import type { Queue } from '../store/contract.ts'
import type { WalkTask } from '../store/walk-contract.ts'
import type { TaskRecord, TaskState } from '../types.ts'

export class WalkedTask implements FoundTask {
  readonly queue: Queue
  readonly id: string
  readonly raw: string | Buffer
  readonly stored: StoredTask
  readonly definition: Definition | undefined
  readonly state: TaskState
  readonly order = 0
  /** Until when its record stays, if it had failed before that was read. */
  readonly until: string | null
  readonly #live: WalkTask['live']
  #record: TaskRecord | null = null

  constructor (queue: Queue, id: string, { raw, live, until }: WalkTask, stored: StoredTask, definition?: Definition) {
    this.queue = queue
    this.until = until ?? null
    this.id = id
    this.raw = raw
    this.stored = stored
    this.definition = definition
    this.state = stateOf(stored, live)
    this.#live = live
  }

  get life (): string { return lifeOf(this.stored.options) }
  get delayedTo (): number | undefined { return this.#live.delayedTo }

  get record (): TaskRecord {
    return (this.#record ??= toTaskRecord(this.id, this.queue.name, this.stored, this.#live, false))
  }

  /** Whether it has this name and tag, and failed with this code. */
  is ({ name, tag, code }: Pick<CheckedFilter, 'name' | 'tag' | 'code'>): boolean {
    return (name === undefined || this.stored.data.name === name) &&
      (tag === undefined || (this.stored.options.tags?.includes(tag) ?? false)) &&
      (code === undefined || this.record.error?.code === code)
  }
}
