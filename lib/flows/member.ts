/**
 * The records of members: as they are kept in their flow until they start, without times, and as tasks.
 */
import { frameMembership, type StoredMembership } from '../records/membership.ts'
import { decode, NEW_RECORD_TAIL, type StoredOptions, type StoredTask } from '../records/task-record.ts'
import type { NewJob, RawTask } from '../store/contract.ts'
import type { EncodedTemplate } from '../tasks/task-template.ts'

/** Three lines: times, data, options. JSON has no line breaks. */
export function encodeMember ({ named, options, delay, expires, expiresAt }: EncodedTemplate): string {
  const due = options.delay
  const rest = due === undefined ? options : { ...options, delay: undefined }
  const times = JSON.stringify([delay ?? null, due ?? null, expires ?? null, expiresAt ?? null])
  return `${times}\n${named}\n${JSON.stringify(rest)}`
}

type Times = [delay: number | null, dueAt: number | null, expires: number | null, expiresAt: number | null]

/** What a member has in common with others, and the texts around its data, its node and its key. */
interface Mold {
  times: string
  options: string
  flow: StoredMembership
  now: number
  stored: StoredOptions
  due: number | null
  frame: [beforeNode: string, between: string, end: string]
}
let mold: Mold | null = null

/** Most members that start together are alike: what they have in common is parsed and encoded once. */
function moldOf (times: string, options: string, flow: StoredMembership, now: number): Mold {
  if (mold?.now === now && mold.times === times && mold.options === options && isAlike(mold.flow, flow)) return mold
  const [delay, dueAt, expires, expiresAt]: Times = JSON.parse(times)
  const due = dueAt !== null && dueAt > now ? dueAt : delay ? now + delay : null
  const until = expires === null ? expiresAt : now + expires
  const more = (due === null ? '' : `"delay":${due},`) + (until === null ? '' : `"expires":${until},`)
  const [before, between, after] = frameMembership(flow)
  // Joined: texts that are made of many parts are put together again for each member.
  const own = ['{"timestamp":', now, ',', more, options.slice(1, -1)].join('')
  const start = [',"options":', own, ',"flow":', before].join('')
  const end = [after, '}', NEW_RECORD_TAIL].join('')
  return (mold = { times, options, flow, now, stored: JSON.parse(options), due, frame: [start, between, end] })
}

const isAlike = (one: StoredMembership, other: StoredMembership): boolean =>
  one.id === other.id && one.home === other.home && one.join === other.join && one.keep === other.keep &&
  one.generation === other.generation

/** The task of a member that starts now. */
export function makeMember (text: string, id: string, flow: StoredMembership, now: number): NewJob {
  const [times, data, options] = text.split('\n') as [string, string, string]
  const { stored: { lane, priority, tags }, due, frame: [start, between, end] } = moldOf(times, options, flow, now)
  const record = `{"data":${data}${start}${JSON.stringify(flow.node)}${between}${JSON.stringify(flow.key)}${end}`
  const job: NewJob = { id, text: record }
  if (due !== null) job.delay = due
  if (lane !== undefined) job.lane = lane
  if (priority !== undefined) job.level = priority
  if (tags !== undefined) job.tags = { at: now, names: tags }
  return job
}

/**
 * The text of a member that starts again in a retried flow: as a task that is retried it does not expire, and one that
 * has run is not delayed. For one that has not, the spans of its signature begin when it can start.
 */
export function textOfRetry (text: string, hasRun: boolean): string {
  const end = text.indexOf('\n')
  const [delay, dueAt, expires]: Times = JSON.parse(text.slice(0, end))
  const times: Times = hasRun ? [null, null, null, null] : [delay, dueAt, expires, null]
  return JSON.stringify(times) + text.slice(end)
}

/** Whether a record is that of a member. Anybody may enqueue a task whose id looks like a member's. */
export const isMemberOf = (stored: StoredTask | null, flow: string): boolean => stored?.options.flow?.id === flow

/** Null if nobody can read it. */
export function readable ({ text }: Pick<RawTask, 'text'>): StoredTask | null {
  try {
    return decode(text)
  } catch {
    return null
  }
}

/** Tells the members of a flow with an id of the caller's own from those of an earlier one with the same id. */
export const nonceOf = (text: string): string | undefined => JSON.parse(text.split('\n')[2]!).nonce

/** The data of a member, as JSON has it. */
export const dataOf = (text: string): unknown => JSON.parse(text.split('\n')[1]!).data
