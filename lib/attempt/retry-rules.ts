/**
 * What the definition of a task says about its failures: `retryIf` and `retryFor`.
 */
import * as errors from '../errors.ts'
import { toHookError } from './hook-error.ts'
import { runApart } from './run-apart.ts'
import { toLoggable } from '../records/failure.ts'
import { steadyLog } from '../steady-log.ts'
import { isThenable, syncAnswer } from '../sync-answer.ts'
import { uptime } from '../timers.ts'
import type { AttemptResult } from './attempt-result.ts'
import type { ClaimedTask } from './claimed-task.ts'
import type { Definition } from '../tasks/definition.ts'
import type { DefineOptions } from '../types.ts'
import type { FastifyBaseLogger } from 'fastify'

interface FailedAttempt {
  readonly definition: Definition
  readonly task: ClaimedTask
  readonly attempt: number
  /** As `uptime()`. */
  readonly startedAt: number
  readonly log: FastifyBaseLogger
}

/** A failure is the last if the definition does not want another attempt. */
export function withRetryRules (result: AttemptResult, attempt: FailedAttempt): AttemptResult {
  const { retryIf, retryFor } = attempt.definition.options
  if (result.kind !== 'failed' || !result.failure.retryable) return result
  const isRetried = (retryFor === undefined || ranFor(attempt) < retryFor) &&
    (retryIf === undefined || isWanted(retryIf, result, attempt))
  return isRetried ? result : { ...result, failure: { ...result.failure, retryable: false } }
}

/** Since the start of the first attempt. */
function ranFor ({ task: { startedAt, stored: { options } }, startedAt: start }: FailedAttempt): number {
  return startedAt! - (options.firstStart ?? startedAt!) + uptime() - start
}

type Failed = Extract<AttemptResult, { kind: 'failed' }>

function isWanted (
  retryIf: NonNullable<DefineOptions['retryIf']>, { thrown, failure }: Failed,
  failed: FailedAttempt
): boolean {
  const { definition, attempt } = failed
  try {
    const answer: unknown = syncAnswer(runApart(() => retryIf(toHookError(thrown, failure.error.message), attempt)))
    if (!isThenable(answer)) return Boolean(answer)
    const fix = 'For example error => error.code === "ECONNRESET".'
    throw new errors.TaskOptionInvalid(definition.name, 'retryIf', 'a function that is not async', 'one that is', fix)
  } catch (error) {
    const log = steadyLog(() => failed.log)
    log.error({ event: 'task.retry_if_failed', err: toLoggable(error) }, 'retryIf failed: the task is tried again')
    return true
  }
}
