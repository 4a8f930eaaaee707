/**
 * Reads records without asking for their sizes first, if the queue is not known to have large ones: that is a quarter
 * of what `readHeads` costs Redis. See `QueueWalk.sift` and `read`.
 */
import { endOfBatch } from '../batches.ts'
import { Sieve } from '../sieve.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { SiftOptions, Sifted } from '../walk-contract.ts'

/** So many records are read first. Another producer does not say that its records are large. */
const FIRST_PART = 50
/** How much more the next part may have. */
const GROWTH = 3
/** Once it is known how large the records of a queue are, the first part has as many as have so many bytes. */
const PART_BYTES = 262_144

type Texts = Array<string | null>

/** What is known of the records of a queue, from read to read. */
export class UsualSize {
  /** In bytes. Null: nothing was read yet. */
  #mean: number | null = null

  get firstPart (): number {
    return this.#mean === null ? FIRST_PART : Math.max(FIRST_PART, Math.floor(PART_BYTES / Math.max(1, this.#mean)))
  }

  note (bytes: number, count: number): void {
    if (count > 0) this.#mean = Math.max(bytes / count, (this.#mean ?? 0) / 2)
  }
}

interface PartReader {
  usual: UsualSize
  maxBytes: number
  /** Returns false if these were enough. */
  take (texts: Texts): boolean
}

/** In parts, the next of which depends on how large the records are. False if the queue may have large ones. */
async function readInParts (
  client: RedisClient, keys: QueueKeys, ids: string[], { usual, maxBytes, take }: PartReader
): Promise<boolean> {
  if (await client.exists(keys.large) === 1) return false
  for (let from = 0, size = usual.firstPart, bytes = 0; from < ids.length && bytes < maxBytes;) {
    const texts = await client.hmget(keys.jobs, ...ids.slice(from, from + size))
    const own = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0)
    usual.note(own, texts.filter(text => text !== null).length) // those that are gone say nothing
    if (!take(texts)) return true
    from += texts.length
    bytes += own
    size = Math.max(1, Math.min(GROWTH * size, Math.floor((maxBytes - bytes) / bytes * from)))
  }
  return true
}

/** Null if the queue may have large records: then it is for the caller to ask for sizes. */
export async function siftSmall (
  client: RedisClient, keys: QueueKeys, ids: string[], options: SiftOptions
): Promise<Sifted | null> {
  const sieve = new Sieve(options)
  const take = (texts: Texts): boolean => {
    sieve.add(ids, texts)
    return !sieve.isDone
  }
  return await readInParts(client, keys, ids, { ...options, usual: new UsualSize(), take }) ? sieve.result : null
}

/** The records of the first ids, as many as have `maxBytes`, at least one. Null as above. */
export async function readSmall (
  client: RedisClient, keys: QueueKeys, ids: string[], options: { maxBytes: number, usual: UsualSize }
): Promise<Texts | null> {
  const all: Texts = []
  const take = (texts: Texts): boolean => all.push(...texts) > 0
  const isSmall = await readInParts(client, keys, ids, { ...options, take })
  return isSmall ? all.slice(0, endOfBatch(all, 0, all.length, bytesOf, options.maxBytes)) : null
}

const bytesOf = (text: string | null): number => text === null ? 0 : Buffer.byteLength(text)

/** What stands in a text for bytes that are no UTF-8. */
const REPLACED = '\uFFFD'

/** The records as they are stored: the texts, or all read again if another producer has written what is no text. */
export async function readBytes (
  client: RedisClient, keys: QueueKeys, ids: string[], texts: Texts
): Promise<Array<string | Buffer | null>> {
  if (!texts.some(text => text?.includes(REPLACED))) return texts
  return await client.hmgetBuffer(keys.jobs, ...ids)
}
