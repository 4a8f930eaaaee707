/**
 * The records of a queue, and what goes with them: tags and logs.
 */
import { tagTime, type Tags } from '../../records/tags.ts'
import { splitAtBlank } from '../../records/split-at-blank.ts'
import { byBytes } from './reads.ts'
import type { LogParts, QueueLogs } from '../log-contract.ts'
import type { WalkPage } from '../walk-contract.ts'

/** As in append-log.lua. */
const MAX_PARTS = 500

interface Log { first: number, parts: string[] }

export class Records extends Map<string, string> implements QueueLogs {
  readonly #logs = new Map<string, Log>()
  readonly #tags = new Map<string, Tags>()

  /** Stores a new record. */
  add (id: string, text: string, tags: Tags | undefined): void {
    this.set(id, text)
    if (tags) this.#tags.set(id, tags)
  }

  /** A task that stays has other data. */
  replace (id: string, text: string, names: string[] | undefined, at: number): void {
    this.set(id, text)
    if (names) this.#tags.set(id, { at, names })
    else this.#tags.delete(id)
  }

  override delete (id: string): boolean {
    this.#tags.delete(id)
    this.#logs.delete(id)
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

  async append (id: string, part: string, maxBytes: number): Promise<void> {
    if (!this.has(id)) return
    const log: Log = this.#logs.get(id) ?? { first: 0, parts: [] }
    log.parts.push(part)
    const { parts } = log
    while (parts.length > 1 && (parts.length > MAX_PARTS || Buffer.byteLength(parts.join('')) > maxBytes)) {
      parts.shift()
      log.first++
    }
    this.#logs.set(id, log)
  }

  async read (id: string, from: number): Promise<LogParts> {
    const { first, parts } = this.#logs.get(id) ?? { first: 0, parts: [] }
    return { parts: parts.slice(Math.max(0, from - first)), next: first + parts.length }
  }
}
