/**
 * Runs a property until it has tried its number of inputs or failed, and shrinks the input that failed.
 */
import fc from 'fast-check'
import type { Area, Property } from './area.ts'
import type { Health } from './health.ts'
import { describeValue } from './describe-value.ts'

export interface Result {
  inputs: number
  /** Describes the failure, or null. */
  failure: string | null
}

/** An attempt that takes longer fails. */
const ATTEMPT_TIMEOUT_MS = 20_000
/** Time in which the input of a failure is shrunk. */
const SHRINK_MS = 20_000

interface Plan { area: Area, property: Property, inputs: number, seed: number, health: Health }

export async function run (plan: Plan): Promise<Result> {
  const attempts = new Attempts(plan)
  for (let round = 0; attempts.inputs < plan.inputs; round++) {
    const details = await fc.check(fc.asyncProperty(plan.property.arbitrary, input => attempts.run(input)), {
      seed: plan.seed + round,
      numRuns: attempts.missing()
    })
    if (details.failed) return { inputs: attempts.inputs, failure: describeFailure(plan, details) }
  }
  return { inputs: attempts.inputs, failure: null }
}

/** The attempts of one property. */
class Attempts {
  readonly #plan: Plan
  #attempts = 0
  #failedAt = 0
  inputs = 0

  constructor (plan: Plan) { this.#plan = plan }

  /** Estimates the number of attempts that are still needed, from the inputs of the attempts so far. */
  missing (): number {
    const each = this.#attempts === 0 ? this.#plan.property.batch : this.inputs / this.#attempts
    return Math.max(1, Math.ceil((this.#plan.inputs - this.inputs) / each))
  }

  async run (input: unknown): Promise<void> {
    // After this time, fast-check reports the smallest failing input so far.
    if (this.#failedAt > 0 && Date.now() - this.#failedAt > SHRINK_MS) return
    try {
      await this.#attempt(input)
    } catch (error) {
      this.#failedAt ||= Date.now()
      await this.#rebuild()
      throw error
    }
  }

  async #attempt (input: unknown): Promise<void> {
    const { property, health } = this.#plan
    const inputs = await withTimeout(ATTEMPT_TIMEOUT_MS, property.attempt(input))
    await health.check()
    if (this.#failedAt > 0) return
    this.#attempts++
    this.inputs += inputs
  }

  async #rebuild (): Promise<void> {
    const { area, health } = this.#plan
    await withTimeout(ATTEMPT_TIMEOUT_MS, area.close()).catch(() => {})
    await area.open()
    await health.check().catch(() => {})
  }
}

async function withTimeout<T> (ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: not finished after ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function describeFailure ({ area, property, seed }: Plan, details: fc.RunDetails<[any]>): string {
  const error = details.errorInstance
  return [
    `${area.name}, ${property.name}: seed ${seed}, round ${details.seed - seed}, path ${details.counterexamplePath}, ` +
      `shrunk ${details.numShrinks} times`,
    `input: ${describeValue(details.counterexample?.[0])}`,
    error instanceof Error ? String(error.stack).slice(0, 2_500) : describeValue(error)
  ].join('\n')
}
