/**
 * Layer 4: how a command ends: its exit code, and what is said of an error.
 */
import { cleanText } from './text.ts'
import { printErr } from './output.ts'

export const EXIT = { done: 0, failed: 1, unknown: 2, refused: 3 } as const

export const EXIT_HELP = `
Exit codes:
  0  done
  1  failed: wrong use, Redis away, an error; standard error has one line that says which
  2  there is no task with this id
  3  refused: cancel of a task that has ended, retry of one that has not failed, a purge that was not confirmed`

const isKnown = (code: unknown): boolean => typeof code === 'string' && code.startsWith('FST_TASKS_')

/** Known errors have one clear line; of others the stack is all there is. */
export function printError (error: unknown): void {
  const { code, message } = (error ?? {}) as { code?: string, message?: string }
  printErr(`fastify-tasks: ${isKnown(code) ? `${cleanText(message!)} [${code}]` : error instanceof Error ? error.stack : String(error)}`)
}

export function fail (error: unknown): never {
  printError(error)
  process.exit(EXIT.failed)
}
