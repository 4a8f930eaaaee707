/**
 * How a command exits: its exit code, and what it prints about an error.
 */
import { tryOr } from '../describe.ts'
import { toFailure } from '../records/failure.ts'
import { printErr } from './output.ts'

export const EXIT = { done: 0, failed: 1, unknown: 2, refused: 3, trouble: 4 } as const

export const EXIT_HELP = `
Exit codes:
  0  done
  1  failed: wrong use, Redis unavailable, an error; standard error has one line that says which
  2  there is no task, or no schedule, with this id
  3  refused: the state of the task does not allow it, such as a retry if it has not failed; or the answer was not yes
  4  inspect --check found trouble; standard output has a line for each`

const isKnown = (code: unknown): code is string => typeof code === 'string' && code.startsWith('FST_TASKS_')

/** The stack of an error. Anything can be thrown, such as an object without a prototype: then its message. */
export const stackOf = (thrown: unknown): string =>
  tryOr(() => `${thrown instanceof Error ? thrown.stack : String(thrown)}`, toFailure(thrown).error.message)

/** Prints one clear line for an error of ours, the stack for any other. */
export function printError (error: unknown): void {
  const code = tryOr(() => (error as { code?: unknown } | null | undefined)?.code, undefined)
  printErr(`fastify-tasks: ${isKnown(code) ? `${messageOf(error as Error)} [${code}]` : stackOf(error)}`)
}

/** Clients of HTTP are not told what Redis replied. Whoever runs a command is. */
function messageOf (error: Error & { code?: string }): string {
  const isOutage = error.code === 'FST_TASKS_REDIS_UNAVAILABLE' && error.cause instanceof Error
  return isOutage ? (error.cause as Error).message : error.message
}

let isReaderGone = false

/** Whether the reader has closed the pipe: nobody reads what a command goes on to print. */
export const hasNoReader = (): boolean => isReaderGone

/**
 * When the reader closes the pipe (`| head`), it has read enough: the command does its work without a message, and its
 * exit code is the one that it would have had. If the output cannot be written for another reason, such as a full disk,
 * the command has failed.
 */
export function goOnWithoutReader (): void {
  isReaderGone = false
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      isReaderGone ||= error.code === 'EPIPE'
      if (isReaderGone) return
      if (stream === process.stdout) printErr(`fastify-tasks: cannot write to standard output: ${error.message}`)
      process.exit(EXIT.failed)
    })
  }
}

/** The stack of an ES module that cannot be parsed has lines of Node.js only: neither its file nor its line. */
const hasNoPlace = (error: unknown): boolean => tryOr(() => error instanceof SyntaxError &&
  `${error.stack}`.startsWith(error.name) && !/^ +at (?!.*\bnode:)/m.test(`${error.stack}`), false)

export function fail (error: unknown): never {
  if (hasNoPlace(error)) {
    printErr('fastify-tasks: a module of the app cannot be parsed:')
    process.exitCode = EXIT.failed
    process.removeAllListeners('uncaughtException')
    throw error // uncaught: only then Node.js prints the file and the line
  }
  printError(error)
  process.exit(EXIT.failed)
}
