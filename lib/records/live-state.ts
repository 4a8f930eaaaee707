/**
 * What is known of a task that has not ended, beside its record.
 */

interface Gate {
  used: number
  max: number
  rates: Array<{ max: number, window: number }>
  /** When the next task may start, ms since 1970, if that is known. */
  opensAt: number | null
}

/** A lane, and the limit and rates of its task as a whole, if it has others by key. */
export interface GatedLane extends Gate { common: Gate | null }

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
