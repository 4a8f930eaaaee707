/**
 * Pages of a sorted set of ids, the highest score first, that go on behind an id whether it is still there or not. Most
 * are one plain command, which costs Redis a fifth of the script.
 */
import { runScript, script } from './run-script.ts'
import type { RedisClient } from './connection.ts'

/** So many ids more are read, as some with the score of the last one were on the page before. */
const TIES = 100

type Entry = [id: string, score: string]

/** @param after score and id of the last one of the page before. Null to begin */
export async function readSorted (
  client: RedisClient, key: string, limit: number, after: [score: string, id: string] | null
): Promise<Entry[]> {
  if (!after) return toEntries(await client.zrevrange(key, 0, limit - 1, 'WITHSCORES'))
  const [score, id] = after
  const most = limit + TIES
  const read = toEntries(await client.zrevrangebyscore(key, score, '-inf', 'WITHSCORES', 'LIMIT', 0, most))
  const last = Buffer.from(id)
  const isBehind = ([other, at]: Entry): boolean =>
    at !== score || Buffer.compare(Buffer.from(other), last) < 0
  const start = read.findIndex(isBehind)
  if (start >= 0 && (read.length - start >= limit || read.length < most)) return read.slice(start, start + limit)
  if (start < 0 && read.length < most) return []
  return toEntries(await runScript(client, script('walk-sorted'), [key], [score, id, limit]))
}

const toEntries = (flat: string[]): Entry[] => {
  const entries: Entry[] = []
  for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!])
  return entries
}
