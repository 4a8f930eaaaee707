/**
 * What a store that outlives its processes must do for the upkeep of a queue.
 */
export interface DueReply {
  /** The worker is to ask again when the next task is due. */
  isTimekeeper: boolean
  now: number
  /** When the next delayed task is due. In the past if there was no room for it. Null if there is none. */
  next: number | null
  /** When the next tick of a schedule is due. Null if there is none. */
  tick: number | null
  /** How many ticks wait for the task before them. */
  held: number
  /** When somebody has to look at a flow. Null if there is none. */
  flow: number | null
}

/**
 * A task past maxStalls, or one whose worker died after a cancel was requested. It still has the claim of the dead
 * worker: the caller settles that.
 */
export interface ExhaustedTask {
  id: string
  token: string
  text: string
  stalls: number
}

export interface SweepReply {
  /** Ids that wait again. */
  requeued: string[]
  exhausted: ExhaustedTask[]
  /** Where to go on at once. Null at the end. */
  position: string | null
  /** When to sweep next, in ms from now. */
  wait: number
}

/**
 * What a queue needs from time to time, from any of its workers. Only a store that outlives a process has it: one in
 * this process queues due tasks itself.
 */
export interface QueueUpkeep {
  /** Declares the stall interval of a worker. Returns the one in force: another, if living workers use another. */
  agreeStallInterval (stallInterval: number): Promise<number>
  /** Queues delayed tasks that are due. Makes the worker a timekeeper of its queue, if there are too few. */
  queueDue (worker: string): Promise<DueReply>
  /** The channel for the due time of a delayed task that is due before all others. */
  readonly delayedChannel: string
  /**
   * Looks for tasks of workers whose lease expired, slice by slice. A lease expires when it was not renewed for between
   * one and one and a half stall intervals in which any worker could reach the store.
   * @param position null to begin, then what the last reply says
   */
  sweep (stallInterval: number, maxStalls: number, position: string | null): Promise<SweepReply>
  /** Ends the lease of a worker that closes: what it did not settle is taken back at the next sweep. */
  endLease (worker: string): Promise<void>
  /** Frees slots of limits whose tasks have ended unseen, in lanes that nobody looked at for some seconds. */
  sweepLanes (): Promise<void>
  /** Frees keys of tasks that have ended unseen, and starts the tasks that were to follow them. */
  sweepUnique (): Promise<void>
  /** Removes expired records, up to `limit` of each state. Returns how many: 0 if there are no more. */
  prune (limit: number): Promise<number>
  /** Gives an expiry to tasks that plain Bee-Queue workers finished, page by page. Returns the next cursor. */
  expireForeign (state: 'succeeded' | 'failed', cursor: string, ttl: number): Promise<string>
}
