/**
 * Node's own timers and clocks. Test runners replace the global ones and let them stand still (fake timers): tasks have
 * to run all the same. They are read when this file is loaded, from the modules: what is replaced there later has no
 * effect, nor has a runner that replaces the globals before it loads anything.
 */
import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'
import * as promises from 'node:timers/promises'

export const { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = timers
/** Resolve after a time, and at the end of this turn of the event loop. */
export const { setTimeout: sleep, setImmediate: endOfTurn } = promises
/** The clock of the app, which tests may set, in ms since 1970. */
export const appTime = (): number => Date.now()
/** Ms since 1970. For what takes real time. */
export const realTime: () => number = Date.now
/** Ms since the process started. */
export const uptime: () => number = performance.now.bind(performance)
