/**
 * Pages of the ids of a state: see `ProducerQueue.pageOf`. Most pages are one plain command, which gives the last id of
 * the page before too, so it is known to be the right place. If it is not, page.lua looks for it. In Lua each id would
 * cost Redis three times as much.
 */
import { toActivePage, toPage } from './codec.ts'
import { corkForTick } from './pipelining.ts'
import { runQueueScript, runScript, script } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { Page, PagePosition } from '../contract.ts'
import type { TaskState } from '../../types.ts'

interface Asked { state: TaskState, limit: number, after: PagePosition | undefined }

export async function readPage (client: RedisClient, keys: QueueKeys, asked: Asked): Promise<Page> {
  const { state, limit } = asked
  const after = asked.after && { id: asked.after.id, place: Math.max(0, asked.after.place) }
  const [id, place] = [after?.id ?? '', after?.place ?? 0]
  if (state === 'active') {
    return toActivePage(await corkForTick(client, () =>
      runQueueScript(client, keys, 'page-active', [id, limit, place])))
  }
  const known = await readKnown(client, keys, { state, limit, after })
  if (known) return known
  const [lists, order] = keys.page(state)
  return toPage(await corkForTick(client, () =>
    runScript(client, script('page'), lists, [id, limit, order, place])))
}

type KnownState = Exclude<TaskState, 'active'>

/** The page where its place says. Null if that is not known to be right. */
async function readKnown (
  client: RedisClient, keys: QueueKeys, { state, limit, after }: Asked & { state: KnownState }
): Promise<Page | null> {
  const first = after ? after.place + 1 : 0
  const [from, to] = [after?.place ?? 0, first + limit - 1]
  const ids = await corkForTick(client, () => state === 'waiting'
    ? readWaiting(client, keys, from, to)
    : readSorted(client, keys, state, from, to))
  if (after && ids?.shift() !== after.id) return null
  // Behind normal tasks there may be others, in other lists.
  const isFull = ids !== null && (ids.length === limit || state !== 'waiting')
  return isFull ? { ids, places: ids.map((_id, i) => first + i) } : null
}

/** From the list of normal tasks. Null if there are high ones, which come first. */
async function readWaiting (client: RedisClient, keys: QueueKeys, from: number, to: number): Promise<string[] | null> {
  const [high, ids] = await Promise.all([
    from === 0 ? client.exists(keys.high) : 0, client.lrange(keys.waiting, -1 - to, -1 - from)
  ])
  return high === 0 ? ids.reverse() : null
}

function readSorted (
  client: RedisClient, keys: QueueKeys, state: Exclude<KnownState, 'waiting'>, from: number, to: number
): Promise<string[]> {
  const [[key], order] = keys.page(state)
  return order === 'asc' ? client.zrange(key!, from, String(to)) : client.zrevrange(key!, from, to)
}
