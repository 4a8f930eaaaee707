/**
 * What the queue in memory reads from its claims and records as the scripts do in Redis.
 */

import { decodeProgress } from '../../records/progress.ts'
import type { LiveState } from '../../records/task-record.ts'
import type { Page, PagePosition, RawTask } from '../contract.ts'

/** A task as it is stored. */
export function toRawTask (
  text: string, claim: { at: number } | undefined, progress: string | undefined, delayedTo: number | undefined,
  paused: string[] | undefined, isGated: boolean
): RawTask {
  const live: LiveState = {}
  if (claim) live.claimedAt = claim.at
  if (delayedTo !== undefined) live.delayedTo = delayedTo
  if (progress) live.progress = decodeProgress(progress)
  if (isGated) live.gated = true
  if (paused) live.paused = paused
  return { text, raw: Buffer.from(text), live }
}

/** Redis compares ids by their bytes. */
export const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

/** Ids by the time of their claims. */
export function byClaim (claims: ReadonlyMap<string, { at: number }>): string[] {
  const all = [...claims].sort(([one, { at }], [other, claim]) => at - claim.at || byBytes(one, other))
  return all.map(([id]) => id)
}

/** The last 4096 bytes of the first record of a task that was not tried yet, as oldest.lua returns them. */
export function oldestOf (records: Array<string | undefined>): string {
  const tails = records.map(text => Buffer.from(text ?? '').subarray(-4_096).toString())
  return tails.find(tail => tail.includes('"status":"created"')) ?? ''
}

const NEW = /^(.*"options":)(\{"timestamp":.*\},"status":"created","progress":null\})$/s

/** The record of a task that was never started says when it is due, as reschedule.lua writes it. */
export function withDue (record: string, due: number): string {
  const [, data, options] = NEW.exec(record) ?? []
  return data === undefined ? record : data + options!.replace(/(?<=[{,]"delay":)\d{11,}/, `${due}`)
}

/** One page of these ids. It starts again at the beginning if the last id of the page before is gone. */
export function pageOf (all: string[], limit: number, after?: PagePosition): Page {
  const start = after ? all.indexOf(after.id) + 1 : 0
  const ids = all.slice(start, start + Math.max(0, limit))
  return { ids, places: ids.map((_id, i) => start + i) }
}

/** The name of the task. Empty if the text is no record. */
export function nameIn (record: string | undefined): string {
  try {
    return String(JSON.parse(record!).data.name)
  } catch {
    return ''
  }
}

/** The lane of the task, if it has a limit. */
export function laneIn (record: string | undefined): string | undefined {
  try {
    return JSON.parse(record!).options.lane
  } catch {
    return undefined
  }
}

/** Whether the task is between two attempts. */
export function isRetrying (record: string | undefined): boolean {
  try {
    return JSON.parse(record!).status === 'retrying'
  } catch {
    return false
  }
}
