/**
 * What the guard thread is told, and what it says.
 */
import type { StoreAccess } from '../store/store-contract.ts'

/** Where the guard's clock is: the app counts turns of its event loop, and says whether that is to be watched. */
export const TURNS = 0
export const WATCHED = 1

/** How often the app counts, and how often the guard looks, in ms. */
export const TURN_MS = 100
/** An event loop that did not turn for so long is held, in ms. */
export const HELD_MS = 500

/** A consumer of a queue, by its number. */
export interface GuardedConsumer {
  consumer: number
  worker: string
  queue: string
  /** The same number: the same connection. */
  store: number
  access: StoreAccess
}

export type ToGuard =
  { kind: 'watch' } | { kind: 'page', memory: SharedArrayBuffer } | { kind: 'join' } & GuardedConsumer |
  { kind: 'leave', consumer: number }

export interface GuardData {
  control: SharedArrayBuffer
  messages: ToGuard[]
}

/** It tries again. */
export interface FromGuard { kind: 'failed', consumer: number, message: string }
