/**
 * The logs of tasks. Lines come in parts: all that one call adds is a part, and parts are numbered. What is stored of a
 * log goes with the record of its task.
 */
export interface LogParts {
  parts: string[]
  /** The number of the part that comes next. */
  next: number
}

export interface QueueLogs {
  /** Adds a part, and drops the oldest ones as long as there are more bytes than `maxBytes`, or more than 500 parts. */
  append (id: string, part: string, maxBytes: number): Promise<void>
  /** The parts from this number on that are still there. */
  read (id: string, from: number): Promise<LogParts>
}
