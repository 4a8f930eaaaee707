/**
 * Pauses of one queue in this process, and those who are told of them.
 */
import { byBytes } from './reads.ts'
import { pauseFlag } from '../pause-flags.ts'
import type { TaskLists } from './task-lists.ts'

export class Pauses {
  readonly #lists: TaskLists
  readonly #publish: (id: string, change: string) => void
  /** Called when tasks wait again, or when none may start any more. */
  readonly #onChanged: () => void
  /** Ids that somebody watched. Tests are short: they are not forgotten. */
  readonly #watched = new Set<string>()

  constructor (lists: TaskLists, publish: (id: string, change: string) => void, onChanged: () => void) {
    this.#lists = lists
    this.#publish = publish
    this.#onChanged = onChanged
  }

  watch (ids: string[]): void { for (const id of ids) this.#watched.add(id) }

  pause (name: string | null): boolean { return this.#told(this.#lists.pause(pauseFlag(name)), 'paused') }
  resume (name: string | null): boolean { return this.#told(this.#lists.resume(pauseFlag(name)), 'resumed') }

  /** Those who watch a task: it may be held back, or go on. */
  #told (hasChanged: boolean, change: string): boolean {
    if (!hasChanged) return false
    for (const id of [...this.#watched].sort(byBytes)) this.#publish(id, change)
    this.#onChanged()
    return true
  }
}
