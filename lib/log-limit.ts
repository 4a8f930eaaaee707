/**
 * Keeps a cause that comes again and again from filling the log.
 */
import { uptime } from './timers.ts'

/** How often a line with the same cause is logged, in ms. */
const INTERVAL_MS = 60_000

export class LogLimit {
  readonly #loggedAt = new Map<string, number>()

  /** Whether a line with this cause may be logged now. True at most once a minute for each cause. */
  allows (cause: string): boolean {
    const now = uptime()
    for (const [known, at] of this.#loggedAt) { // the oldest first
      if (now - at < INTERVAL_MS) break
      this.#loggedAt.delete(known)
    }
    if (this.#loggedAt.has(cause)) return false
    this.#loggedAt.set(cause, now)
    return true
  }
}

/** "ERR Error running script (call to f_…): @user_script:10: @user_script: 10: -READONLY You can't write …" */
const OF_SCRIPT = /^ERR Error running script \(call to f_\w+\): (?:@user_script: ?\d+: )+-?/

/** What a server says. Redis 6.2 puts the error of a command in a script behind a sentence of its own. */
export const withoutScript = (message: string): string => message.replace(OF_SCRIPT, '')

/** What errors of one cause have in common: the first word of an error of Redis, or the code of a network's error. */
export function causeOf (error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown, message?: unknown }
  return typeof code === 'string' ? code : withoutScript(String(message ?? error)).split(' ', 1)[0]!
}
