/**
 * The list of states.
 */
import type { TaskState, TerminalState } from '../types.ts'

/** Each state, and whether it is terminal. The compiler refuses this table if a state is missing. */
const table: { [State in TaskState]: State extends TerminalState ? true : false } = {
  waiting: false,
  delayed: false,
  active: false,
  retrying: false,
  succeeded: true,
  failed: true,
  cancelled: true,
  expired: true
}

export const STATES = Object.keys(table) as TaskState[]

export const TERMINAL_STATES = STATES.filter((state): state is TerminalState => table[state])
