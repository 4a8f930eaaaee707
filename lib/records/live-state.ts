/**
 * What is known of a task that has not ended, beside its record.
 */

export interface GatedLane {
  used: number
  max: number
  rates: Array<{ max: number, window: number }>
  /** When the next task of the lane may start, ms since 1970, if that is known. */
  opensAt: number | null
}

/** State of a task that has not ended. It is stored in other keys than the record. */
export interface LiveState {
  /** Time of its claim, ms since 1970. */
  claimedAt?: number
  delayedTo?: number
  /** A plain Bee-Queue worker runs it. */
  held?: boolean
  /** It waits for a slot of its limit: of its lane, if that was read. */
  gated?: true | GatedLane
  /** What is paused in its queue, if it waits there. */
  paused?: string[]
  progress?: { stage: string | null, progress: unknown }
}
