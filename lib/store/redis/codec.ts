/**
 * Translates between the contract's types and the flat lists of strings and numbers that scripts take and return.
 */
import { workerOf } from '../claim-token.ts'
import { pauseOf } from '../pause-flags.ts'
import { decodeProgress } from '../../records/progress.ts'
import type { LiveState } from '../../records/task-record.ts'
import type { ScriptArgument } from './run-script.ts'
import type {
  ClaimedJob, ClaimRef, ClaimReply, ClaimStatus, NewJob, Page, RawTask, ReleasedClaim, Settlement
} from '../contract.ts'
import type { DueReply, ExhaustedTask, SweepReply } from '../upkeep-contract.ts'
import type { QueueCounts } from '../../types.ts'

/** What counts.lua returns. */
export const toCounts = (
  [waiting, delayed, active, succeeded, failed, cancelled, expired, flags]: any[]
): QueueCounts => ({
  waiting,
  delayed,
  active,
  succeeded,
  failed,
  cancelled,
  expired,
  ...pauseOf(flags)
})

/** By the codes of settle.lua, check-claims.lua and release.lua. */
const claimStatuses: ClaimStatus[] = ['lost', 'owned', 'cancelRequested']

export const toClaimStatuses = (codes: number[]): ClaimStatus[] => codes.map(code => claimStatuses[code]!)

/** The modes of claim.lua. */
export type ClaimMode = 'now' | 'again' | 'next' | 'cancel-wait'

export const callOfClaim = (prefix: string, free: number, token: string, mode: ClaimMode): ScriptArgument[] =>
  [free, token, workerOf(token), mode, prefix]

/** From the position of the first id, and ids. */
export const toPage = ([first, ...ids]: [number, ...string[]]): Page =>
  ({ ids, places: ids.map((_id, i) => first + i) })

/** From ids and their positions, in turn. */
export const toActivePage = (reply: Array<string | number>): Page => ({
  ids: reply.filter((_value, i) => i % 2 === 0) as string[],
  places: reply.filter((_value, i) => i % 2 === 1) as number[]
})

export const claimArguments = (claims: ClaimRef[]): string[] => claims.flatMap(({ id, token }) => [id, token])

export const releaseArguments = (
  prefix: string, claims: ReleasedClaim[], numberOf: (lane: string | undefined) => number
): ScriptArgument[] => [prefix, ...claims.flatMap(({ id, token, lane }) => [id, token, numberOf(lane)])]

export function addArguments (channel: string, jobs: NewJob[]): ScriptArgument[] {
  const args: ScriptArgument[] = [channel, jobs.some(job => job.ownId) ? 1 : 0]
  for (const { id, text, delay } of jobs) args.push(id, text, delay ?? '')
  return args
}

/** What claim.lua returns. */
export function toClaimReply ([now, kept, more, ...rest]: any[], token: string): ClaimReply {
  const jobs: ClaimedJob[] = []
  for (let i = 0; i + 1 < rest.length; i += 2) jobs.push({ id: rest[i], text: rest[i + 1], token })
  if (rest.length % 2 === 1) jobs[0]!.stalls = Number(rest.at(-1))
  return { jobs, now, kept: kept === 1, more: more === 1 }
}

/** What read-tasks.lua returns, all texts as Buffers: the tasks that it read. */
export function toRawTasks ([records, claims, delayed, progress, places, flags]: any[][]): Array<RawTask | null> {
  const paused = flags!.map(String)
  return records!.map((raw, i) => {
    if (!raw) return null
    const live = toLive(textOf(claims![i]), textOf(delayed![i]), textOf(progress![i]))
    if (places![i] & HELD) live.held = true
    if (places![i] & GATED) live.gated = true
    if (paused.length > 0 && !claims![i] && !delayed![i]) live.paused = paused
    return { text: String(raw), raw, live }
  })
}

/** The bits of a place. */
const HELD = 1
const GATED = 2

const textOf = (value: Buffer | null): string => value ? String(value) : ''

/** From texts that are empty if there is nothing. */
export function toLive (claim: string, delayedTo: string, progress: string): LiveState {
  const live: LiveState = {}
  if (claim) live.claimedAt = Number(claim.split(' ')[1])
  if (delayedTo) live.delayedTo = toTime(delayedTo)
  if (progress) live.progress = decodeProgress(progress)
  return live
}

/** Redis writes an infinite score as inf or -inf. */
export const toTime = (score: string): number => Number(score.replace('inf', 'Infinity'))

/** What queue-due.lua returns. */
export const toDueReply = ([seat, now, next, tick, held, flow]: any[]): DueReply => ({
  isTimekeeper: seat === 1,
  now: now!,
  next: timeOrNull(next!),
  tick: timeOrNull(tick!),
  held: held!,
  flow: timeOrNull(flow!)
})

const timeOrNull = (time: number): number | null => time < 0 ? null : time

/** What sweep.lua returns. The records of exhausted tasks are still to be read. */
export function toSweepReply ([position, wait, requeued, flat]: [string, number, string[], any[]]): SweepReply {
  const exhausted: ExhaustedTask[] = []
  for (let i = 0; i < flat.length; i += 3) {
    exhausted.push({ id: flat[i], text: '', stalls: flat[i + 1], token: flat[i + 2] })
  }
  return { requeued, exhausted, wait, position: position === '' ? null : position }
}

/** Consecutive settlements of one group share one header of the arguments. */
const isSameGroup = (one: Settlement, other: Settlement): boolean =>
  one.token === other.token && one.outcome === other.outcome && one.ms === other.ms && !one.event === !other.event &&
  (one.lane === undefined) === (other.lane === undefined)

/**
 * Run-length encodes a batch: see ARGV of settle.lua.
 * @param numberOf the number of a lane
 */
export function settleArguments (
  prefix: string, batch: Settlement[], numberOf: (lane: string) => number
): ScriptArgument[] {
  const args: ScriptArgument[] = [prefix]
  let head: Settlement | null = null
  let sizeIndex = 0
  for (const settlement of batch) {
    const { id, token, outcome, text, ms, event, lane } = settlement
    if (!head || !isSameGroup(settlement, head)) {
      sizeIndex = args.push(token, outcome, ms ?? 0, event ? 1 : 0, 0, lane === undefined ? 0 : 1) - 2
      head = settlement
    }
    args[sizeIndex] = args[sizeIndex] as number + 1
    args.push(id, text ?? '')
    if (lane !== undefined) args.push(settlement.keepsSlot ? -numberOf(lane) : numberOf(lane))
    if (event) args.push(event)
  }
  return args
}
