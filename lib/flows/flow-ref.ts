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
  /** The longest life of the flow, in ms. */
  life: number
  /** Entries of nodes and texts of members, by node: while the flow is being written. */
  known?: {
    nodes: Map<string, string>, decoded: Map<string, FlowNode>, texts: Map<string, string>, joins: Map<string, string>
  }
}
