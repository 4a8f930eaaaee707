/**
 * How a program that boots an app (a worker, a command) reaches the plugin instances in it, in whatever scope the app
 * registered them.
 */
import type { FastifyInstance } from 'fastify'
import type {
  FastifyTasks, FlowListOptions, ListOptions, QueueCounts, TagListOptions, TaskLogs, TaskRecord
} from '../types.ts'

/** What a program sees of one registration of the plugin. */
export interface PluginInstance {
  readonly tasks: FastifyTasks
  /** Where its tasks are stored, without user and password. */
  readonly address: string
  /** Of its keys there. Null if no other instance sees them. */
  readonly prefix: string | null
  /** The queues to which any task may be enqueued. */
  readonly queues: readonly string[]
  readonly definitions: ReadonlyMap<string, { name: string, queue: string, hasHandler: boolean }>
  /** The names of all queues that it knows: those of its tasks too. */
  knownQueues (): string[]
  /**
   * A task, for people who have access to Redis. Null if there is none.
   * @param maxBytes of a larger record neither data nor result is read, if that can be known without reading it
   * @throws as `FastifyTasks.status`
   */
  readTask (id: string, queue?: string, maxBytes?: number): Promise<WholeTask | null>
  /**
   * As `FastifyTasks.list`, for lists that show no results: a page of large records costs no more than others. A page
   * by a filter may be empty with a cursor, if the search has cost enough. Its cursor is for the filter.
   */
  listBriefs (options: ListOptions | TagListOptions | FlowListOptions, filter?: BriefFilter): Promise<BriefPage>
  /** The queues that have a task with this id, and those that may have tasks with this tag. */
  lookFor (word: string): Promise<{ withId: string[], withTag: string[] }>
  /** The graph of a flow. Null if it has more members than `most`, or is gone. */
  readGraph (id: string, queue: string, most: number): Promise<DrawnMember[] | null>
  /** What it counts. Null if that is off. */
  readonly metrics: { collect (): Promise<object> } | null
  /** Its queues now. Throws FST_TASKS_REDIS_UNAVAILABLE. */
  measure (): Promise<MeasuredQueue[]>
  /** Up to `limit` keys of limits and rates, of one queue or of all: those with the most waiting tasks first. */
  listKeys (limit: number, queue?: string): Promise<ListedKey[]>
  /** The queues that have keys under the instance's prefix. Reads the names of all keys, page by page. */
  findQueues (): Promise<string[]>
  /** Closes its workers, and ends all waits for its tasks. A second call returns the same promise. */
  drain (): Promise<void>
  /** Throws FST_TASKS_APP_MEMORY_MODE if tasks never leave the process that enqueues them. `app` names the app. */
  checkServable (app: string): void
}

/** A record without what a list does not show. */
export type BriefRecord = Omit<TaskRecord, 'result' | 'data' | 'blockedBy'>

/** Which tasks a list shows, beside its options. */
export interface BriefFilter {
  /** Whether a task may match, by its id and the text of its record, maybe without data and result. Asked first. */
  mayMatch (text: string, id: string): boolean
  matches (record: BriefRecord): boolean
  /** Whether tasks with this name are likely to match. Queues with such tasks are looked at first. */
  isLikely (name: string): boolean
  /** How many tasks to look at, if not enough match. */
  most: number
}

export interface ReadPage<T> {
  tasks: T[]
  /** How many tasks were read for it: others may have been left out. */
  lookedAt: number
  cursor: string | null
}

export type BriefPage = ReadPage<BriefRecord>

/** A member of a flow, as it is drawn: see lib/flows/flow-picture.ts. */
export interface DrawnMember {
  node: string
  id: string
  queue: string
  key: string
  task: string
  /** `waiting`: it has not started. `active`: it has, and has not ended. Otherwise how it ended. */
  state: string
  /** The joins that wait for it, and those that start it. */
  before: string[]
  after: string[]
}

/** A task with what its record does not show. */
export interface WholeTask {
  record: TaskRecord
  data: unknown
  stack: string | null
  /** Of the request that enqueued it. */
  traceparent: string | null
  /** How many bytes a record has whose data and result were not read. Null: they were. */
  unread: number | null
  /** @param after the `next` of an earlier read. Default: from the beginning */
  readLog (after?: number): Promise<TaskLogs>
}

/** A queue at one moment. `oldestSeconds`: how long the first waiting task has been due. */
export interface MeasuredQueue {
  queue: string
  counts: QueueCounts
  workers: number
  oldestSeconds: number
}

/** A key of a limit or a rate. `started`: its tasks that are queued for a worker or run. */
export interface ListedKey {
  queue: string
  task: string
  key: string
  waiting: number
  started: number
  /** For people. */
  why: string
  /** The task that holds up the others, if they run one at a time. */
  heldBy: string | null
}

export interface AppRegistry {
  /** A program runs the app for its own purpose: no embedded worker starts. */
  standalone: boolean
  /** Returns the URL of a Redis for an app that names none. Undefined: the default one. */
  redis?: () => Promise<string | undefined>
  /** In the order of registration. */
  readonly instances: PluginInstance[]
}

// In the global registry of symbols: the program may have another copy of this package than the app.
const REGISTRY = Symbol.for('fastify-tasks.app-registry')

/** The registry of an app. All scopes of one app share its server. */
export function appRegistry (fastify: FastifyInstance): AppRegistry {
  const server = fastify.server as unknown as { [REGISTRY]?: AppRegistry }
  server[REGISTRY] ??= { standalone: false, instances: [] }
  return server[REGISTRY]
}
