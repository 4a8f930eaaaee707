/** The payload, result, queue and task name of every peer. Celery's are in peers/celery/app.py. */

export interface Payload {
  /** When its enqueue call started, in ms of the shared clock. */
  at: number
  to: string
  subject: string
  lines: number[]
}

export const QUEUE = 'bench'
export const TASK = 'work'
/** One limit over all workers, for the part `limits`: as many as one worker runs. */
export const GLOBAL_LIMIT = 100

export const payload = (at = 0): Payload =>
  ({ at, to: 'someone@example.org', subject: 'a mail that nobody waits for', lines: [1, 2, 3] })

/** 100 bytes of JSON. */
export const result = { status: 'sent', receipt: 'x'.repeat(100 - '{"status":"sent","receipt":""}'.length) }
