/**
 * Walks through one queue in this process: see walk-contract.ts.
 */
import { headOf, LARGE } from '../../records/record-head.ts'
import { splitAtBlank } from '../../records/split-at-blank.ts'
import { siftHeads } from '../sieve.ts'
import { walkWaiting } from '../walk-positions.ts'
import { byClaim } from './reads.ts'
import type { Claims } from './claims.ts'
import type { SortedIds } from './sorted-ids.ts'
import type { Records } from './records.ts'
import type { TaskLists } from './task-lists.ts'
import type { ProducerQueue, RawTask } from '../contract.ts'
import type { LiveState } from '../../records/live-state.ts'
import type {
  HeadsRead, QueueWalk, SiftOptions, Sifted, TaskSize, WalkPage, WalkSource
} from '../walk-contract.ts'
import type { TaskState } from '../../types.ts'

export interface WalkParts {
  records: Records
  lists: TaskLists
  claims: Claims
  queue: Pick<ProducerQueue, 'pageOf' | 'readTask'>
}

export class MemoryWalk implements QueueWalk {
  readonly #parts: WalkParts

  constructor (parts: WalkParts) {
    this.#parts = parts
  }

  async page (source: WalkSource, limit: number, position: string | null): Promise<WalkPage> {
    const { lists, claims, queue } = this.#parts
    if (source === 'waiting') {
      return await walkWaiting((limit, after) => queue.pageOf('waiting', limit, after), limit, position)
    }
    if (source === 'active') return pageOfActive(byClaim(claims.all), position)
    return pageOfSorted(source === 'delayed' ? lists.delayed : lists.finished[source], limit, position)
  }

  async tagged (tag: string, limit: number, position: string | null): Promise<WalkPage> {
    return this.#parts.records.page(tag, limit, position)
  }

  async failedUntil (ids: string[]): Promise<Array<string | null>> {
    return ids.map(id => this.#parts.lists.finished.failed.timeOf(id)?.toString() ?? null)
  }

  async has (word: string): Promise<{ id: boolean, tag: boolean }> {
    const { records } = this.#parts
    return { id: records.has(word), tag: records.page(word, 1, null).ids.length > 0 }
  }

  async hasAny (state: TaskState): Promise<boolean> {
    return (await this.#parts.queue.pageOf(state, 1)).ids.length > 0
  }

  sift (ids: string[], options: SiftOptions): Promise<Sifted> { return siftHeads(this, ids, options) }

  async sizes (ids: string[]): Promise<TaskSize[]> {
    const { records, claims } = this.#parts
    return ids.map(id => ({
      record: Buffer.byteLength(records.get(id) ?? ''), progress: Buffer.byteLength(claims.progressOf(id) ?? '')
    }))
  }

  async read (ids: string[], maxBytes: number): Promise<Array<RawTask | null>> {
    const tasks: Array<RawTask | null> = []
    let bytes = 0
    for (const id of ids) {
      const task = await this.#parts.queue.readTask(id)
      bytes += task?.raw.length ?? 0
      if (bytes > maxBytes && tasks.length > 0) break
      tasks.push(task)
    }
    return tasks
  }

  async readHeads (ids: string[], maxBytes: number): Promise<HeadsRead> {
    const [tasks, sizes] = [[] as HeadsRead['tasks'], await this.sizes(ids)]
    let bytes = 0
    for (const [i, id] of ids.entries()) {
      const task = await this.#parts.queue.readTask(id)
      const text = task && ((task.text.length > LARGE ? headOf(task.text) : null) ?? task.text)
      const own = Buffer.byteLength(text ?? '') + sizes[i]!.progress
      if (i > 0 && bytes + own > maxBytes) break
      bytes += own
      tasks.push(task && { text: text!, live: stateOf(task.live) })
    }
    return { tasks, bytes }
  }
}

/** Not what a task waits for. */
const stateOf = ({ gated, paused, ...live }: LiveState): LiveState => live

/** All on one page. */
function pageOfActive (all: string[], position: string | null): WalkPage {
  const ids = all.slice(position === null ? 0 : all.indexOf(splitAtBlank(position)[1]) + 1)
  return { ids, positions: ids.map(id => `0 ${id}`), next: null }
}

interface Rank { time: number, id: string }

/** As Redis orders them, from the end: by time, then by the bytes of the id. */
const fromTheEnd = (one: Rank, other: Rank): number =>
  one.time === other.time ? Buffer.compare(Buffer.from(other.id), Buffer.from(one.id)) : one.time < other.time ? 1 : -1

function pageOfSorted (sorted: SortedIds, limit: number, position: string | null): WalkPage {
  const places = sorted.ids().map((id): Rank => ({ time: sorted.timeOf(id)!, id })).sort(fromTheEnd)
  const [time, after] = splitAtBlank(position ?? ' ')
  const last: Rank = { time: Number(time), id: after }
  const rest = position === null ? places : places.filter(place => fromTheEnd(last, place) < 0)
  const page = rest.slice(0, limit)
  const positions = page.map(({ time, id }) => `${time} ${id}`)
  return { ids: page.map(({ id }) => id), positions, next: page.length < limit ? null : positions.at(-1)! }
}
