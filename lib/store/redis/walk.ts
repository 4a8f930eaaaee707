/**
 * Walks through one queue in Redis: see walk-contract.ts.
 */
import { toActivePage, toLive } from './codec.ts'
import { readHeads } from './heads.ts'
import { corkForTick, pipelined } from './pipelining.ts'
import { runQueueScript } from './run-script.ts'
import { readBytes, readSmall, siftSmall, UsualSize } from './small-records.ts'
import { readSorted } from './sorted-pages.ts'
import { splitAtBlank } from '../../records/split-at-blank.ts'
import { endOfBatch } from '../batches.ts'
import { siftHeads } from '../sieve.ts'
import { walkWaiting } from '../walk-positions.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { Page, PagePosition } from '../contract.ts'
import type {
  HeadsRead, QueueWalk, SiftOptions, Sifted, TaskSize, WalkPage, WalkSource, WalkTask
} from '../walk-contract.ts'
import type { LiveState } from '../../records/task-record.ts'
import type { TaskState } from '../../types.ts'

export interface WalkParts {
  client: RedisClient
  keys: QueueKeys
  pageOfWaiting: (limit: number, after?: PagePosition) => Promise<Page>
}

export class RedisWalk implements QueueWalk {
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  readonly #pageOfWaiting: WalkParts['pageOfWaiting']
  readonly #usual = new UsualSize()

  constructor ({ client, keys, pageOfWaiting }: WalkParts) {
    this.#client = client
    this.#keys = keys
    this.#pageOfWaiting = pageOfWaiting
  }

  page (source: WalkSource, limit: number, position: string | null): Promise<WalkPage> {
    if (source === 'waiting') return walkWaiting(this.#pageOfWaiting, limit, position)
    return source === 'active' ? this.#active(limit, position) : this.#sorted(source, limit, position)
  }

  /** A position is `<score> <id>`. */
  async #sorted (
    source: Exclude<WalkSource, 'waiting' | 'active'>, limit: number, position: string | null
  ): Promise<WalkPage> {
    const after = position === null ? null : splitAtBlank(position)
    const entries = await readSorted(this.#client, this.#keys.sorted(source), limit, after)
    const positions = entries.map(([id, score]) => `${score} ${id}`)
    return { ids: entries.map(([id]) => id), positions, next: entries.length < limit ? null : positions.at(-1)! }
  }

  /** A position is `<cursor of the scan> <id>`. */
  async #active (limit: number, position: string | null): Promise<WalkPage> {
    const [cursor, after] = splitAtBlank(position ?? '0 ')
    const [next, ...flat] = await runQueueScript(this.#client, this.#keys, 'walk-active', [cursor, after, limit])
    const { ids, places } = toActivePage(flat)
    return { ids, positions: ids.map((id, i) => `${places[i]} ${id}`), next: next === '0' ? null : `${next} ` }
  }

  /** A position is `<time> <id>`, the end of a member. */
  async tagged (tag: string, limit: number, position: string | null): Promise<WalkPage> {
    const before = position === null ? `(${tag}!` : `(${tag} ${position}`
    const members = await corkForTick(this.#client, () =>
      this.#client.zrevrangebylex(this.#keys.tags, before, `[${tag} `, 'LIMIT', 0, limit))
    const positions = members.map(member => member.slice(tag.length + 1))
    const ids = positions.map(place => splitAtBlank(place)[1])
    return { ids, positions, next: ids.length < limit ? null : positions.at(-1)! }
  }

  async failedUntil (ids: string[]): Promise<Array<string | null>> {
    return ids.length === 0 ? [] : await this.#client.zmscore(this.#keys.sorted('failed'), ids)
  }

  async has (word: string): Promise<{ id: boolean, tag: boolean }> {
    const record = corkForTick(this.#client, () => this.#client.hexists(this.#keys.jobs, word))
    const { ids } = await this.tagged(word, 1, null)
    return { id: await record === 1, tag: ids.length > 0 }
  }

  async hasAny (state: TaskState): Promise<boolean> {
    const keys = state === 'active' ? [this.#keys.claims, this.#keys.active] : this.#keys.page(state)[0]
    return await corkForTick(this.#client, () => this.#client.exists(...keys)) > 0
  }

  async sift (ids: string[], options: SiftOptions): Promise<Sifted> {
    return await siftSmall(this.#client, this.#keys, ids, options) ?? await siftHeads(this, ids, options)
  }

  async sizes (ids: string[]): Promise<TaskSize[]> {
    if (ids.length === 0) return []
    const flat: number[] = await runQueueScript(this.#client, this.#keys, 'sizes', ids)
    return ids.map((_id, i) => ({ record: flat[2 * i]!, progress: flat[2 * i + 1]! }))
  }

  async readHeads (ids: string[], maxBytes: number): Promise<HeadsRead> {
    return await readHeads(this.#client, this.#keys, { ids, sizes: await this.sizes(ids), maxBytes })
  }

  /** Not in a script: Redis needs twenty times as long to read a record in Lua. */
  async read (ids: string[], maxBytes: number, haveEnded = false): Promise<Array<WalkTask | null>> {
    if (ids.length === 0) return []
    const small = await readSmall(this.#client, this.#keys, ids, { maxBytes, usual: this.#usual })
    const texts = small ?? await this.#readTexts(ids.slice(0, endOfBatch(
      await this.sizes(ids), 0, ids.length, ({ record }) => record, maxBytes)))
    const read = ids.slice(0, texts.length)
    const all = await readBytes(this.#client, this.#keys, read, texts)
    const live = haveEnded ? [] : await this.#readLive(read)
    return all.map((raw, i) => raw === null ? null : { text: raw.toString(), raw, live: live[i] ?? {} })
  }

  #readTexts (ids: string[]): Promise<Array<string | null>> { return this.#client.hmget(this.#keys.jobs, ...ids) }

  async #readLive (ids: string[]): Promise<LiveState[]> {
    const client = this.#client
    const delayed = this.#keys.sorted('delayed')
    let all!: Promise<[claims: Array<string | null>, due: Array<string | null>]>
    pipelined(client, () => {
      all = Promise.all([client.hmget(this.#keys.claims, ...ids), client.zmscore(delayed, ids)])
    })
    const [claims, due] = await all
    return ids.map((_id, i) => toLive(claims[i] ?? '', due[i] ?? '', ''))
  }
}
