/**
 * What wraps enqueues and attempts: the option `telemetry`. `fastify-tasks/otel` makes one for OpenTelemetry.
 */

/** The W3C trace context that a task takes with it. */
export interface TaskTrace { traceparent?: string | undefined, tracestate?: string | undefined }

/** One call of `enqueue`, `enqueueMany` or `enqueueFlow`. */
export interface EnqueueInfo {
  name: string
  /** That of the definition until the tasks are made; then the one that they are in, if it is one. */
  queue: string
  count: number
  /** The ids of the tasks. Empty until they are made. */
  readonly ids: readonly string[]
}

/** One attempt, when it starts. */
export interface AttemptInfo extends TaskTrace {
  worker: string
  queue: string
  name: string
  taskId: string
  /** 1, 2, … */
  attempt: number
  attempts: number
  requestId: string | null
  /** How long the task waited after it was due, in ms. Null for a retry, and if it is not known. */
  waitedMs: number | null
  /** It was due at once, and one call made it alone: it continues the work of its caller. */
  isImmediate: boolean
}

export type AttemptOutcome = 'succeeded' | 'retried' | 'failed' | 'cancelled' | 'released' | 'lost'

/** An attempt that is being watched. */
export interface WatchedAttempt {
  /** Calls the handler, and its hooks. */
  run<T> (call: () => T): T
  end (outcome: AttemptOutcome, error?: unknown): void
}

/** Must not throw, but for what the calls throw that it is given. */
export interface TaskTelemetry {
  /** @param send sends the tasks. They take the trace with them; null: that of the request, as without telemetry */
  enqueue<T> (info: EnqueueInfo, send: (trace: TaskTrace | null) => Promise<T>): Promise<T>
  attempt (info: AttemptInfo): WatchedAttempt
}
