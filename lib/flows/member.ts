/**
 * The records of members: as they are kept in their flow until they start, without times, and as tasks.
 */
import { encodeMembership, type StoredMembership } from '../records/membership.ts'
import { NEW_RECORD_TAIL, type StoredOptions, type StoredTask } from '../records/task-record.ts'
import type { NewJob } from '../store/contract.ts'
import type { EncodedTemplate } from '../tasks/task-template.ts'

/** Three lines: times, data, options. JSON has no line breaks. */
export function encodeMember ({ named, options, delay, expires, expiresAt }: EncodedTemplate): string {
  const due = options.delay
  const rest = due === undefined ? options : { ...options, delay: undefined }
  const times = JSON.stringify([delay ?? null, due ?? null, expires ?? null, expiresAt ?? null])
  return `${times}\n${named}\n${JSON.stringify(rest)}`
}

type Times = [delay: number | null, dueAt: number | null, expires: number | null, expiresAt: number | null]
interface TimesAndOptions { times: string, options: string, own: Times, stored: StoredOptions }
let last: TimesAndOptions | null = null

/** Most members of a flow are alike: what the member before had is not parsed again. */
function parse (times: string, options: string): TimesAndOptions {
  if (last?.times === times && last.options === options) return last
  return (last = { times, options, own: JSON.parse(times), stored: JSON.parse(options) })
}

/** The task of a member that starts now. */
export function makeMember (text: string, id: string, flow: StoredMembership, now: number): NewJob {
  const [times, data, options] = text.split('\n') as [string, string, string]
  const { own: [delay, dueAt, expires, expiresAt], stored: { lane, priority, tags } } = parse(times, options)
  const due = dueAt! > now ? dueAt : delay ? now + delay : null
  const until = expires === null ? expiresAt : now + expires!
  const more = (due === null ? '' : `"delay":${due},`) + (until === null ? '' : `"expires":${until},`)
  const own = `{"timestamp":${now},${more}${options.slice(1, -1)},"flow":${encodeMembership(flow)}}`
  const job: NewJob = { id, text: `{"data":${data},"options":${own}${NEW_RECORD_TAIL}` }
  if (due !== null) job.delay = due!
  if (lane !== undefined) job.lane = lane
  if (priority !== undefined) job.level = priority
  if (tags !== undefined) job.tags = { at: now, names: tags }
  return job
}

/** Whether a record is that of a member. Anybody may enqueue a task whose id looks like a member's. */
export const isMemberOf = (stored: StoredTask | null, flow: string): boolean => stored?.options.flow?.id === flow

/** The data of a member, as JSON has it. */
export const dataOf = (text: string): unknown => JSON.parse(text.split('\n')[1]!).data
