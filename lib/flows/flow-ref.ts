/**
 * How flows call the store, and how they name each other.
 */
import type { FlowNode } from '../store/flow-node.ts'

/** Repeats a call, or bounds it. Undefined if it was given up because the process closes. */
export type FlowCall = <T>(what: string, send: () => Promise<T>) => Promise<T | undefined>

/** A flow, and what of it is known without asking the store. */
export interface FlowRef {
  id: string
  home: string
  /** How long the records of its members stay if nobody releases them, in ms: see `keepOf`. */
  life: number
  /** Entries of nodes and texts of members, by node: while the flow is being written. */
  known?: {
    nodes: Map<string, string>, decoded: Map<string, FlowNode>, texts: Map<string, string>, joins: Map<string, string>
  }
}

/** For whoever looks at a flow late. */
const MARGIN_MS = 3_600_000

/** The task behind all others may live as long as the flow has, and the result is read after it. */
export const keepOf = (lifetime: number): number => 2 * Math.max(0, lifetime) + MARGIN_MS
