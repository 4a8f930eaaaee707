/**
 * Entries in the keys beside the jobs hash: ids and values as anyone may write them.
 */
import fc from 'fast-check'
import type { ChainableCommander } from 'ioredis'
import { claim, count, id, progress, score, toBuffer, type Bytes } from './garbage.ts'
import { text } from './values.ts'

/** `key` is the last part of a key's name. */
export interface StrayKey { key: string, id: Bytes, value: string }

const lists = ['waiting', 'active']
const sets = ['stalling', 'cancelling', 'succeeded', 'failed']
const sorted = ['delayed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired']
const strings = ['stallInterval', 'stallBlock']
const hashes: Record<string, fc.Arbitrary<string>> = { claims: claim, progress, stalls: count }

const no = fc.constant('')

export const strayKey: fc.Arbitrary<StrayKey> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ key: fc.constantFrom(...lists), id, value: no }) },
  { weight: 6, arbitrary: fc.record({ key: fc.constantFrom(...sets), id, value: no }) },
  { weight: 18, arbitrary: fc.record({ key: fc.constantFrom('delayed', 'delayed', ...sorted), id, value: score }) },
  { weight: 1, arbitrary: fc.record({ key: fc.constantFrom(...strings), id: no, value: fc.oneof(count, text) }) },
  ...Object.entries(hashes).map(([key, value]) => ({ weight: 6, arbitrary: fc.record({ key: fc.constant(key), id, value }) }))
)

export const isInList = ({ key }: StrayKey): boolean => lists.includes(key)

export function write (pipeline: ChainableCommander, name: string, { key, id, value }: StrayKey): void {
  const member = toBuffer(id)
  if (lists.includes(key)) pipeline.lpush(name, member)
  else if (sets.includes(key)) pipeline.sadd(name, member)
  else if (sorted.includes(key)) pipeline.zadd(name, value, member)
  else if (strings.includes(key)) pipeline.set(name, value)
  else pipeline.hset(name, member, value)
}
