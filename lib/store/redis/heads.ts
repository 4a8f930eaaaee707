/**
 * The heads of large records in Redis: see decisions/0130. A head counts only while its record has as many bytes as it
 * says, so it may be written and removed at any time.
 */
import { toLive } from './codec.ts'
import { pipelined } from './pipelining.ts'
import { headOf, LARGE } from '../../records/record-head.ts'
import { splitAtBlank } from '../../records/split-at-blank.ts'
import { endOfBatch } from '../batches.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { HeadsRead, TaskSize } from '../walk-contract.ts'

interface NewRecord { id: string, text?: string | undefined }

/** Writes the heads of the large ones. To be called in the turn in which the records are sent. */
export function writeHeads (client: RedisClient, keys: QueueKeys, records: readonly NewRecord[]): void {
  const entries: string[] = []
  for (const { id, text } of records) {
    const head = text !== undefined && text.length > LARGE ? headOf(text) : null
    if (head !== null) entries.push(id, `${Buffer.byteLength(text!)} ${head}`)
  }
  if (entries.length > 0) client.hset(keys.heads, ...entries).catch(() => {}) // the record is read instead
}

interface Asked { ids: string[], sizes: TaskSize[], maxBytes: number }

/** See `QueueWalk.readHeads`. */
export async function readHeads (client: RedisClient, keys: QueueKeys, asked: Asked): Promise<HeadsRead> {
  const heads = await validHeads(client, keys, asked)
  const { ids, bytes } = firstOf(asked, heads)
  if (ids.length === 0) return { tasks: [], bytes: 0 }
  const whole = ids.filter(id => !heads.has(id))
  const [records, claims, due, progress, held] = await readAll(client, keys, ids, whole)
  const texts = new Map(whole.map((id, i) => [id, records[i]]))
  const isHeld = await heldByPlainWorkers(client, keys, held === 0 ? [] : ids.filter((_, i) => !claims[i] && !due[i]))
  const tasks = ids.map((id, i) => {
    const text = heads.get(id) ?? texts.get(id) ?? null
    const live = toLive(claims[i] ?? '', due[i] ?? '', progress[i] ?? '')
    if (isHeld.has(id)) live.held = true
    return text === null ? null : { text, live }
  })
  return { tasks, bytes }
}

async function validHeads (
  client: RedisClient, keys: QueueKeys, { ids, sizes }: Asked
): Promise<Map<string, string>> {
  const large = ids.flatMap((id, i) => sizes[i]!.record > LARGE ? [{ id, size: String(sizes[i]!.record) }] : [])
  if (large.length === 0) return new Map()
  const found = await client.hmget(keys.heads, ...large.map(({ id }) => id))
  return new Map(large.flatMap(({ id, size }, i) => {
    const [bytes, head] = splitAtBlank(found[i] ?? ' ')
    return bytes === size ? [[id, head] as const] : []
  }))
}

/** As many as have `maxBytes`, at least one. */
function firstOf ({ ids, sizes, maxBytes }: Asked, heads: Map<string, string>): { ids: string[], bytes: number } {
  const read = ids.map((id, i) => {
    const { record, progress } = sizes[i]!
    const head = heads.get(id)
    return (head === undefined ? record : Buffer.byteLength(head)) + progress
  })
  const end = endOfBatch(read, 0, ids.length, size => size, maxBytes)
  return { ids: ids.slice(0, end), bytes: read.slice(0, end).reduce((sum, size) => sum + size, 0) }
}

type Texts = Array<string | null>

function readAll (
  client: RedisClient, keys: QueueKeys, ids: string[], whole: string[]
): Promise<[records: Texts, claims: Texts, due: Texts, progress: Texts, held: number]> {
  let all!: ReturnType<typeof readAll>
  pipelined(client, () => {
    all = Promise.all([
      whole.length === 0 ? [] : client.hmget(keys.jobs, ...whole), client.hmget(keys.claims, ...ids),
      client.zmscore(keys.sorted('delayed'), ids), client.hmget(keys.progress, ...ids), client.llen(keys.active)
    ])
  })
  return all
}

async function heldByPlainWorkers (client: RedisClient, keys: QueueKeys, ids: string[]): Promise<Set<string>> {
  let places!: Promise<Array<number | null>>
  pipelined(client, () => { places = Promise.all(ids.map(id => client.lpos(keys.active, id))) })
  const found = await places
  return new Set(ids.filter((_, i) => found[i] !== null))
}
