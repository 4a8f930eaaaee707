/** The interface of a peer: a producer and a worker. Each peer is one small file. */
import type { Payload } from '../work.ts'

export type Handler = (data: Payload) => unknown

export interface EnqueueOptions {
  /** The earliest start, in ms since 1970. */
  delayUntil?: number
}

export interface Producer {
  /** Enqueues one task. Resolves when it is in Redis. */
  add (data: Payload, options?: EnqueueOptions): Promise<unknown>
  /** Enqueues several tasks with the peer's bulk call. */
  addMany (payloads: Payload[], options?: EnqueueOptions): Promise<unknown>
  /** Enqueues tasks, and one that runs when all of them have ended. */
  addChord? (members: Payload[], callback: Payload): Promise<unknown>
}

export interface WorkerOptions {
  concurrency: number
  handler: Handler
  /** Whether delayed tasks must start. A peer may need a setting for it. */
  delayed?: boolean
}

export interface RunningWorker {
  close (): Promise<unknown>
}

export interface Peer {
  /** The producer is used until its process exits. */
  producer (url: string): Promise<Producer>
  worker (url: string, options: WorkerOptions): Promise<RunningWorker>
}
