/**
 * The hooks of one attempt. Those before the handler are part of it: a failure is the attempt's. Those after it change
 * nothing any more: a failure is logged.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance } from 'fastify'
import { callHooks, type HookFailure, type HookLists } from '../hooks/hook-lists.ts'
import { hasAttemptLeft, toLoggable } from '../records/failure.ts'
import { steadyLog } from '../steady-log.ts'
import type { StoredOptions } from '../records/task-record.ts'
import { toHookError } from './hook-error.ts'
import { outcomeOf, type AttemptResult } from './attempt-result.ts'
import type { AttemptEnd, Stall, TaskContext, TaskHookName } from '../types.ts'

export interface AttemptHooksOptions {
  lists: HookLists
  /** The hooks' `this`. */
  instance: FastifyInstance
  context: TaskContext
  /** Runs hooks in the async context of the attempt. */
  run: (work: () => void) => void
  /** Throws if the data is refused. Called before the hooks, in the same context: the hooks after it see that too. */
  validate: () => void
}

export class AttemptHooks {
  readonly #options: AttemptHooksOptions
  /** Runs what comes after them in the async context of the worker: that of this task is not for the next one. */
  readonly #leave = AsyncLocalStorage.snapshot()
  #run: (work: () => void) => void

  constructor (options: AttemptHooksOptions) {
    this.#options = options
    this.#run = options.run
  }

  /**
   * Calls those before the handler, and then the handler: in the async context that they have made.
   * @param aborted returns why the attempt was aborted, or null
   */
  around (aborted: () => Error | null, handler: (context: TaskContext) => unknown): Promise<unknown> {
    const { context } = this.#options
    return new Promise((resolve, reject) => {
      this.#before(aborted, failure => {
        if (failure) return reject(failure.thrown)
        try {
          resolve(handler(context))
        } catch (thrown) {
          reject(thrown)
        }
      })
    })
  }

  #before (aborted: () => Error | null, next: (failure: HookFailure) => void): void {
    const { lists, instance, context, validate } = this.#options
    const onFailure = (failure: HookFailure): HookFailure => {
      this.#keepAsyncContext()
      const reason = aborted()
      return failure ?? (reason && { thrown: reason })
    }
    this.#run(() => {
      this.#keepAsyncContext()
      validate()
      callHooks(lists.preHandler ?? [], instance, [context], onFailure, next)
    })
  }

  /** After each of them: the next one may never end, and those after the handler are called all the same. */
  #keepAsyncContext (): void { this.#run = AsyncLocalStorage.snapshot() }

  /** Calls those after the handler, and then `next`. */
  after (result: AttemptResult, value: unknown, options: StoredOptions, next: () => void): void {
    const steps = stepsAfter(result, value, options)
    this.#run(() => this.#next(steps, () => this.#leave(next)))
  }

  /** No attempt runs here. Nobody waits for these hooks. */
  stalled (stall: Stall, error: Error | null): void {
    const steps: Step[] = [['onStalled', stall]]
    if (error) steps.push(['onFailed', error])
    this.#run(() => this.#next(steps, () => {}))
  }

  #next (steps: Step[], next: () => void): void {
    const [step, ...rest] = steps
    if (!step) return next()
    const [name, payload] = step
    const { lists, instance, context } = this.#options
    const onFailure = (failure: HookFailure): null => {
      if (failure) logHookFailure(context, name, failure.thrown)
      return null
    }
    callHooks(lists[name] ?? [], instance, [context, payload], onFailure, () => this.#next(rest, next))
  }
}

type Step = [name: TaskHookName, payload: unknown]

function stepsAfter (result: AttemptResult, value: unknown, options: StoredOptions): Step[] {
  const steps: Step[] = []
  const end: AttemptEnd = { outcome: 'lost', error: null }
  if (result.kind === 'succeeded') steps.push(['onSuccess', value])
  if (result.kind === 'failed') {
    const error = toHookError(result.thrown, result.failure.error.message)
    const isLast = !hasAttemptLeft(result.failure, options)
    Object.assign(end, { outcome: isLast ? 'failed' : 'retrying', error })
    steps.push(['onError', error])
    if (isLast) steps.push(['onFailed', error])
  } else {
    end.outcome = outcomeOf(result.kind)
  }
  return [...steps, ['onAttemptEnd', end]]
}

function logHookFailure (context: TaskContext, hook: TaskHookName, thrown: unknown): void {
  const log = steadyLog(() => context.log)
  const fields = { event: 'task.hook_failed', hook, err: toLoggable(thrown) }
  log.error(fields, 'hook failed: the outcome of the task does not change')
}
