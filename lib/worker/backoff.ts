/**
 * How long to wait before the next attempt.
 */
import { runApart } from '../attempt/run-apart.ts'
import { defaults } from '../options.ts'
import { ownOf } from '../own.ts'
import { syncAnswer } from '../sync-answer.ts'
import type { BackoffOptions, BackoffStrategy } from '../types.ts'

const builtIn: Record<string, BackoffStrategy> = {
  immediate: () => 0,
  fixed: (_attempt, { delay }) => delay!,
  exponential: (attempt, { delay }) => delay! * 2 ** Math.min(attempt - 1, 52)
}

/** A century. After a longer wait a Date could overflow. */
export const MAX_BACKOFF_MS = 3_155_760_000_000

type Strategies = Record<string, BackoffStrategy>

/**
 * The wait after a failed attempt, in ms.
 * A strategy that this worker does not know, that throws or that returns no number is replaced by `exponential`: the
 * record may come from a newer producer, and no task is lost for a wait.
 * @param attempt the attempt that failed: 1, 2, …
 */
export function backoffMs (attempt: number, backoff: BackoffOptions, strategies: Strategies, error: Error): number {
  const options = { ...backoff, delay: positive(backoff.delay) ?? defaults.backoff.delay! }
  const known = find(strategies, options.strategy) ?? find(builtIn, options.strategy) ?? builtIn.exponential!
  let wait = waitOf(known, attempt, options, error) ?? builtIn.exponential!(attempt, options, error)
  wait = Math.min(wait, positive(options.max) ?? MAX_BACKOFF_MS, MAX_BACKOFF_MS)
  // Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
  return Math.round(options.jitter === true ? Math.random() * wait : wait)
}

/** Any producer may have written the name. */
const find = (strategies: Strategies, name: unknown): BackoffStrategy | null =>
  typeof name === 'string' ? ownOf(strategies, name) ?? null : null

function waitOf (strategy: BackoffStrategy, attempt: number, options: BackoffOptions, error: Error): number | null {
  try {
    const wait = syncAnswer(runApart(() => strategy(attempt, options, error)))
    return Number.isFinite(wait) && wait >= 0 ? wait : null
  } catch {
    return null
  }
}

const positive = (value: unknown): number | null => typeof value === 'number' && value > 0 ? value : null
