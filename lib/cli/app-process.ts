/**
 * The process of `worker` and of `dev-app`: it boots an app, and drains before it exits.
 */
import { constants } from 'node:os'
import * as errors from '../errors.ts'
import { fail, stackOf } from './exit.ts'
import { ignoreClosedPipe, printErr } from './output.ts'

/** After how long a message says that the app is still starting. */
const SLOW_BOOT_MS = 3_000

/** Prints a message if the boot takes long. Clear the timer when it has ended. */
export function reportSlowBoot (): NodeJS.Timeout {
  const message = 'the app is still starting: one of its plugins has not finished (does it wait for Redis?)'
  return setTimeout(() => printErr(`fastify-tasks: ${message}`), SLOW_BOOT_MS)
}

/**
 * Drains, and then exits, at the first signal, at an uncaught error (the other tasks go on), or when the parent has
 * ended (if `exitWithParent`). A second signal exits at once; the first one after an uncaught error does not.
 */
export function drainBeforeExit (drain: () => Promise<void>, exitWithParent = false): void {
  ignoreClosedPipe()
  let draining = false
  let signalled = false
  const end = (code: number): void => {
    draining = true
    drain().then(() => process.exit(code), fail)
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signalled) process.exit(128 + constants.signals[signal])
      signalled = true
      printErr(`fastify-tasks: ${signal}: no more claims, waiting for running tasks (a second signal exits at once)`)
      if (!draining) end(0)
    })
  }
  if (exitWithParent) process.on('disconnect', () => { if (!draining) end(0) })
  if (exitWithParent && process.connected === false) end(0) // the parent ended while this process was loading
  process.on('uncaughtException', error => {
    printErr(`fastify-tasks: uncaught ${stackOf(error)}`)
    if (!draining) end(1)
  })
}

/** A worker that was closed before it had started is no failure: the process drains, and exits. */
export function unlessClosed (error: unknown): void {
  if (!(error instanceof errors.Closed)) throw error
}
