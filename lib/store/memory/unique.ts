/**
 * The tasks of one queue in this process that are enqueued once for a key: see unique-contract.ts, and add-unique.lua.
 */
import type { StoredOptions } from '../../records/task-record.ts'
import type { NewJob, QueueUnique } from '../contract.ts'
import type { UniqueKey, UniqueReply } from '../unique-contract.ts'
import type { Claims } from './claims.ts'
import type { Records } from './records.ts'
import type { MemoryLanes } from './lanes.ts'
import type { TaskLists } from './task-lists.ts'

interface UniqueParts {
  records: Records
  lists: TaskLists
  claims: Claims
  lanes: MemoryLanes
  now: () => number
  publish: (id: string, change: string) => void
  /** Stores a task. False if its id is taken. */
  add: (job: NewJob) => boolean
  /** Gives a delayed task another due time, and the lane that it enters then. */
  delay: (id: string, due: number, lane: string | undefined) => void
  queueDue: () => void
}

interface Standing {
  id: string
  /** Until when the key counts after its task has ended. Of a debounced task the time of the first enqueue. */
  until: number
  options: Partial<StoredOptions>
  status: string
  isRunning: boolean
  hasEnded: boolean
  isDelayed: boolean
}

const NO_RECORD = JSON.stringify({ options: {} })

export class MemoryUnique implements QueueUnique {
  readonly #parts: UniqueParts
  readonly #keys = new Map<string, { id: string, until: number }>()
  readonly #keyed = new Map<string, string>()
  /** By the id of the task that they follow. */
  readonly #reruns = new Map<string, NewJob>()

  constructor (parts: UniqueParts) { this.#parts = parts }

  async add (jobs: NewJob[]): Promise<UniqueReply[]> {
    const replies = jobs.map(job => this.#add(job, job.unique!))
    this.#parts.queueDue() // not before all have replaced what was delayed
    return replies
  }

  #add (job: NewJob, rule: UniqueKey): UniqueReply {
    if (this.#parts.records.has(job.id)) return false
    const task = this.#standingOf(rule.field)
    return task && this.#isCovered(task, rule) ? this.#onConflict(task, job, rule) : this.#store(job, rule)
  }

  #standingOf (field: string): Standing | null {
    const { records, claims, lists } = this.#parts
    const { id, until } = this.#keys.get(field) ?? { id: '', until: 0 }
    const { options, status } = JSON.parse(records.get(id) ?? NO_RECORD)
    if (options.unique !== field) return null
    const [isRunning, hasEnded] = [claims.of(id) !== undefined, lists.hasFinished(id)]
    return { id, until, options, status, isRunning, hasEnded, isDelayed: lists.delayed.has(id) }
  }

  #isCovered (task: Standing, rule: UniqueKey): boolean {
    const { options: { expires }, status, hasEnded, isRunning } = task
    const now = this.#parts.now()
    const isOpen = !hasEnded && !isRunning
    if (isOpen && status === 'created' && expires !== undefined && expires <= now) return false
    if (rule.onConflict === 'debounce') return isOpen && task.isDelayed && status !== 'retrying'
    if (isOpen && (status === 'retrying' || rule.scope === 'waiting')) return true
    if (rule.scope === 'waiting') return false
    if (rule.scope === 'unfinished') return !hasEnded
    const counts = task.until > now && task.until <= now + rule.scope // not for longer than it says
    return counts && !['cancelled', 'expired'].includes(status)
  }

  #onConflict (task: Standing, job: NewJob, { onConflict }: UniqueKey): UniqueReply {
    const { id, isRunning } = task
    if (task.hasEnded || onConflict === 'keep' || (isRunning && onConflict !== 'rerun')) return { id }
    if (!isRunning) return this.#replace(task, job)
    this.#reruns.set(id, job)
    this.#keyed.set(id, job.unique!.field)
    return { id }
  }

  #replace ({ id, until, options, isDelayed }: Standing, job: NewJob): UniqueReply {
    const { text, delay, lane, unique, tags } = job
    const { records, lists, lanes, publish, delay: delayAgain, now } = this.#parts
    const isPlaced = !isDelayed || (options.lane !== undefined && !lanes.isToEnter(id))
    if ((isPlaced || options.ordered === true) && options.lane !== lane) return { id, otherLane: true }
    records.replace(id, sameLife(text, options), tags?.names, options.timestamp ?? now())
    lists.changeLevel(id, job.level)
    this.#reruns.delete(id)
    publish(id, isDelayed ? 'delayed' : 'waiting')
    const due = unique!.onConflict === 'debounce' ? dueOf(unique!, until, now()) : delay ?? now()
    if (isDelayed) delayAgain(id, due, isPlaced ? undefined : lane)
    return { id }
  }

  #store (job: NewJob, rule: UniqueKey): boolean {
    const now = this.#parts.now()
    this.#reruns.delete(job.id)
    const isDebounced = rule.onConflict === 'debounce'
    const span = isDebounced || typeof rule.scope === 'string' ? 0 : rule.scope
    this.#keys.set(rule.field, { id: job.id, until: now + span })
    this.#keyed.set(job.id, rule.field)
    return this.#parts.add(isDebounced ? { ...job, delay: now + rule.wait } : job)
  }

  /**
   * A task has ended, or is gone: its key is free, or the task that follows starts.
   * @param counts false if its key does not count after such an end, however long its scope is
   */
  onEnded (id: string, counts = true): void {
    const field = this.#keyed.get(id)
    if (field === undefined) return
    const key = this.#keys.get(field)
    const isStanding = key?.id === id
    if (isStanding && counts && key.until > this.#parts.now() && this.#parts.records.has(id)) return
    const next = this.#reruns.get(id)
    this.#keyed.delete(id)
    this.#reruns.delete(id)
    if (isStanding) this.#keys.delete(field)
    if (isStanding && next) this.#store({ ...next, id: this.#freeId(next.id) }, next.unique!)
  }

  /** An id of the caller's own may be that of another task by now. */
  #freeId (own: string): string {
    let id = own
    for (let number = 2; this.#parts.records.has(id); number++) id = `${own}-${number}`
    return id
  }
}

type DebounceRule = Extract<UniqueKey, { wait: number }>

const dueOf = ({ wait, maxWait = Infinity }: DebounceRule, first: number, now: number): number =>
  Math.min(now + wait, first + maxWait)

/** A record with the time and the nonce of the task before: who has a handle of that one still finds it. */
function sameLife (record: string, { timestamp, nonce }: Partial<StoredOptions>): string {
  const [, head, tail] = /^(.*"options":\{"timestamp":)\d+(.*)$/s.exec(record)!
  const nonceJson = nonce === undefined ? '' : `,"nonce":"${nonce}"`
  return `${head}${timestamp}${nonceJson}${tail!.replace(/,"nonce":"[\da-f-]+"/i, '')}`
}
