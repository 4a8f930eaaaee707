/**
 * Garbage entries of a queue's keys other than the jobs hash.
 */
import fc from 'fast-check'
import type { ChainableCommander } from 'ioredis'
import { claim, count, id, progress, score, toBuffer, type Bytes } from './garbage.ts'
import { text } from './values.ts'

/** @property key the last part of the key's name */
export interface StrayKey { key: string, id: Bytes, value: string }

const lists = ['waiting', 'active']
const sets = ['stalling', 'cancelling', 'succeeded', 'failed']
const sortedSets = ['delayed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired']
const strings = ['stallInterval', 'stallBlock']
const hashes: Record<string, fc.Arbitrary<string>> = { claims: claim, progress, stalls: count }

const empty = fc.constant('')

export const strayKey: fc.Arbitrary<StrayKey> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ key: fc.constantFrom(...lists), id, value: empty }) },
  { weight: 6, arbitrary: fc.record({ key: fc.constantFrom(...sets), id, value: empty }) },
  { weight: 18, arbitrary: fc.record({ key: fc.constantFrom('delayed', 'delayed', ...sortedSets), id, value: score }) },
  { weight: 1, arbitrary: fc.record({ key: fc.constantFrom(...strings), id: empty, value: fc.oneof(count, text) }) },
  ...Object.entries(hashes)
    .map(([key, value]) => ({ weight: 6, arbitrary: fc.record({ key: fc.constant(key), id, value }) }))
)

export const isInList = ({ key }: StrayKey): boolean => lists.includes(key)

export function write (pipeline: ChainableCommander, name: string, { key, id, value }: StrayKey): void {
  const member = toBuffer(id)
  if (lists.includes(key)) pipeline.lpush(name, member)
  else if (sets.includes(key)) pipeline.sadd(name, member)
  else if (sortedSets.includes(key)) pipeline.zadd(name, value, member)
  else if (strings.includes(key)) pipeline.set(name, value)
  else pipeline.hset(name, member, value)
}
