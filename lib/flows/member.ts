/**
 * The records of members: as they are kept in their flow until they start, without times, and as tasks.
 */
import { NEW_RECORD_TAIL, type StoredTask } from '../records/task-record.ts'
import type { StoredMembership } from '../records/membership.ts'
import type { NewJob } from '../store/contract.ts'
import type { TaskTemplate } from '../tasks/enqueue.ts'

/** Three lines: times, data, options. JSON has no line breaks. */
export function encodeMember ({ name, data, options, delay, expires, expiresAt }: TaskTemplate): string {
  const { delay: due, ...rest } = options
  const times = JSON.stringify([delay ?? null, due ?? null, expires ?? null, expiresAt ?? null])
  const json = data === undefined ? '' : `,"data":${JSON.stringify(data)}`
  return `${times}\n{"name":"${name}"${json}}\n${JSON.stringify(rest)}`
}

/** The task of a member that starts now. */
export function makeMember (text: string, id: string, flow: StoredMembership, now: number): NewJob {
  const [times, data, options] = text.split('\n') as [string, string, string]
  const [delay, dueAt, expires, expiresAt]: Array<number | null> = JSON.parse(times)
  const due = dueAt! > now ? dueAt : delay ? now + delay : null
  const until = expires === null ? expiresAt : now + expires!
  const more = (due === null ? '' : `"delay":${due},`) + (until === null ? '' : `"expires":${until},`)
  const own = `{"timestamp":${now},${more}${options.slice(1, -1)},"flow":${JSON.stringify(flow)}}`
  const job: NewJob = { id, text: `{"data":${data},"options":${own}${NEW_RECORD_TAIL}` }
  if (due !== null) job.delay = due!
  const { lane, priority, tags } = JSON.parse(options)
  if (lane !== undefined) job.lane = lane
  if (priority !== undefined) job.level = priority
  if (tags !== undefined) job.tags = { at: now, names: tags }
  return job
}

/** Whether a record is that of a member. Anybody may enqueue a task whose id looks like a member's. */
export const isMemberOf = (stored: StoredTask | null, flow: string): boolean => stored?.options.flow?.id === flow

/** The data of a member, as JSON has it. */
export const dataOf = (text: string): unknown => JSON.parse(text.split('\n')[1]!).data
