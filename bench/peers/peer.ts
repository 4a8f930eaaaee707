/** What a peer is to the bench: something to enqueue with until its process ends, and something that works. One small file each. */
import type { Payload } from '../work.ts'

export type Handler = (data: Payload) => unknown

export interface EnqueueOptions {
  /** Not before this time, in ms since 1970. */
  delayUntil?: number
}

export interface Producer {
  /** Enqueues one; resolves once Redis has it. */
  add (data: Payload, options?: EnqueueOptions): Promise<unknown>
  /** Enqueues together, with what the peer has for it. */
  addMany (data: Payload[], options?: EnqueueOptions): Promise<unknown>
}

export interface WorkerOptions {
  concurrency: number
  handler: Handler
  /** What the peer needs so that delayed tasks start. */
  delayed?: boolean
}

export interface Working {
  close (): Promise<unknown>
}

export interface Peer {
  producer (url: string): Promise<Producer>
  worker (url: string, options: WorkerOptions): Promise<Working>
}
