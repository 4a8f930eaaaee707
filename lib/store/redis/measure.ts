/**
 * The numbers of a queue, read with plain commands.
 *
 * A script that asks for the same costs Redis up to ten times as much if it has not run just before. So the numbers are
 * not of one moment: a task that starts meanwhile may be counted twice, or not at all. `counts` counts in one step.
 */
import { msOf } from './clock.ts'
import { toCounts, toTime } from './codec.ts'
import { corkForTick } from './pipelining.ts'
import { runQueueScript } from './run-script.ts'
import { LARGE } from '../../records/record-head.ts'
import type { Key, QueueKeys } from './keys.ts'
import type { RedisClient } from './connection.ts'
import type { QueueMeasure } from '../contract.ts'

/** A record's options and state are at its end, behind its data. */
const TAIL_BYTES = 4_096

/** The lists whose tasks wait. */
const WAITING: Key[] = ['waiting', 'handoff', 'parked', 'returning', 'high', 'low']

/** See `ProducerQueue.measure`. */
export async function measureQueue (client: RedisClient, keys: QueueKeys, maxTicks: number): Promise<QueueMeasure> {
  const [counts, { ticks, next, now }] = await corkForTick(client, () => Promise.all([
    countByState(client, keys), readNext(client, keys, maxTicks)
  ]))
  const [workers, oldest] = await corkForTick(client, () => Promise.all([
    client.zcount(keys.key('workers'), `(${now}`, '+inf'),
    next === undefined ? '' : readOldest(client, keys, next)
  ]))
  return { counts: toCounts(counts), workers, oldest, ticks, now }
}

/** As by-state.lua. */
async function countByState (client: RedisClient, keys: QueueKeys): Promise<unknown[]> {
  const key = (name: Key): string => keys.key(name)
  const [left, gated, claims, active, paused, ...lengths] = await Promise.all([
    client.hget(key('leftovers'), ''), client.zcard(key('gated')), client.hlen(keys.claims), client.llen(keys.active),
    client.hkeys(key('paused')), ...WAITING.map(name => client.llen(key(name)))
  ])
  const [delayed, succeeded, failed, cancelled, expired] = await Promise.all([
    client.zcard(keys.sorted('delayed')), client.scard(key('succeeded')), client.scard(key('failed')),
    client.zcard(keys.sorted('cancelled')), client.zcard(keys.sorted('expired'))
  ])
  const waiting = lengths.reduce((sum, length) => sum + length, gated) - (Number(left) || 0)
  return [Math.max(0, waiting), delayed, claims + active, succeeded, failed, cancelled, expired, paused]
}

interface Next {
  ticks: QueueMeasure['ticks']
  /** The id of the task that is claimed next. */
  next: string | undefined
  now: number
}

async function readNext (client: RedisClient, keys: QueueKeys, maxTicks: number): Promise<Next> {
  const [time, [next], flat] = await Promise.all([
    client.time(), client.lrange(keys.waiting, -1, -1),
    maxTicks < 1 ? [] : client.zrange(keys.key('ticks'), 0, `${maxTicks - 1}`, 'WITHSCORES')
  ])
  const ticks: QueueMeasure['ticks'] = []
  for (let i = 0; i < flat.length; i += 2) ticks.push({ id: flat[i]!, due: toTime(flat[i + 1]!) })
  return { ticks, next, now: Math.floor(msOf(time)) }
}

/** Mostly the next task is a small one that was not tried yet. Else a script looks at the ten that are next. */
async function readOldest (client: RedisClient, keys: QueueKeys, next: string): Promise<string> {
  if (await client.hstrlen(keys.jobs, next) <= LARGE) {
    const record = await client.hgetBuffer(keys.jobs, next)
    const tail = record?.subarray(-TAIL_BYTES).toString() ?? ''
    if (/"status"\s*:\s*"created"/.test(tail)) return tail
  }
  return await runQueueScript(client, keys, 'oldest', [TAIL_BYTES])
}

/** See `ProducerQueue.workers`. */
export async function readWorkers (
  client: RedisClient, keys: QueueKeys, limit: number
): Promise<Array<{ id: string, json: string }>> {
  if (limit < 1) return []
  const [time, flat] = await corkForTick(client, () => Promise.all([
    client.time(), client.zrange(keys.key('workers'), 0, `${limit - 1}`, 'REV', 'WITHSCORES')
  ]))
  const now = Math.floor(msOf(time))
  const ids = flat.filter((_id, i) => i % 2 === 0 && Number(flat[i + 1]) > now).toReversed()
  if (ids.length === 0) return []
  const reports = await corkForTick(client, () => client.hmget(keys.key('workerInfo'), ...ids))
  return ids.flatMap((id, i) => reports[i] ? [{ id, json: reports[i] }] : [])
}
