/**
 * Runs one property until it has tried its inputs or failed, and shrinks what failed.
 */
import fc from 'fast-check'
import type { Area, Property } from './area.ts'
import type { Health } from './health.ts'
import { show } from './show.ts'

export interface Tried {
  inputs: number
  /** What failed, for people; null where nothing did. */
  failure: string | null
}

/** An attempt that takes longer hangs, in ms. */
const HANGS = 20_000
/** How long a counterexample is made smaller, in ms. */
const SHRINKS = 20_000

interface Plan { area: Area, property: Property, inputs: number, seed: number, health: Health }

export async function run (plan: Plan): Promise<Tried> {
  const attempts = new Attempts(plan)
  for (let round = 0; attempts.inputs < plan.inputs; round++) {
    const details = await fc.check(fc.asyncProperty(plan.property.arbitrary, input => attempts.make(input)), {
      seed: plan.seed + round,
      numRuns: attempts.missing()
    })
    if (details.failed) return { inputs: attempts.inputs, failure: tell(plan, details) }
  }
  return { inputs: attempts.inputs, failure: null }
}

/** The attempts of one property. */
class Attempts {
  readonly #plan: Plan
  #made = 0
  #failedAt = 0
  inputs = 0

  constructor (plan: Plan) { this.#plan = plan }

  /** How many more are needed, by what those so far have tried. */
  missing (): number {
    const each = this.#made === 0 ? this.#plan.property.batch : this.inputs / this.#made
    return Math.max(1, Math.ceil((this.#plan.inputs - this.inputs) / each))
  }

  async make (input: unknown): Promise<void> {
    if (this.#failedAt > 0 && Date.now() - this.#failedAt > SHRINKS) return // the smallest so far is told
    try {
      await this.#try(input)
    } catch (error) {
      this.#failedAt ||= Date.now()
      await this.#rebuild()
      throw error
    }
  }

  async #try (input: unknown): Promise<void> {
    const { property, health } = this.#plan
    const tried = await within(HANGS, property.attempt(input))
    await health.check()
    if (this.#failedAt > 0) return
    this.#made++
    this.inputs += tried
  }

  async #rebuild (): Promise<void> {
    const { area, health } = this.#plan
    await within(HANGS, area.close()).catch(() => {})
    await area.open()
    await health.check().catch(() => {})
  }
}

async function within<T> (ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: not ended after ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function tell ({ area, property, seed }: Plan, details: fc.RunDetails<[any]>): string {
  const error = details.errorInstance
  return [
    `${area.name}, ${property.name}: seed ${seed}, round ${details.seed - seed}, path ${details.counterexamplePath}, made smaller ${details.numShrinks} times`,
    `input: ${show(details.counterexample?.[0])}`,
    error instanceof Error ? String(error.stack).slice(0, 2_500) : show(error)
  ].join('\n')
}
