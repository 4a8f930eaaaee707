/**
 * The records of a queue, and the index of their tags: what has no record is in no index.
 */
import { tagTime, type Tags } from '../../records/tags.ts'
import { splitAtBlank } from '../../records/split-at-blank.ts'
import { byBytes } from './reads.ts'
import type { WalkPage } from '../walk-contract.ts'

export class TaggedRecords extends Map<string, string> {
  readonly #tags = new Map<string, Tags>()

  /** Stores a new record. */
  add (id: string, text: string, tags: Tags | undefined): void {
    this.set(id, text)
    if (tags) this.#tags.set(id, tags)
  }

  override delete (id: string): boolean {
    this.#tags.delete(id)
    return super.delete(id)
  }

  /** See `QueueWalk.tagged`. */
  page (tag: string, limit: number, position: string | null): WalkPage {
    const all = [...this.#tags].filter(([, { names }]) => names.includes(tag))
      .map(([id, { at }]) => `${tagTime(at)} ${id}`)
      .filter(place => position === null || byBytes(place, position) < 0)
      .sort((one, other) => byBytes(other, one))
    const positions = all.slice(0, limit)
    const ids = positions.map(place => splitAtBlank(place)[1])
    return { ids, positions, next: ids.length < limit ? null : positions.at(-1)! }
  }
}
