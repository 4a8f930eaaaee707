/**
 * How often, and from which seed.
 */
import { parseArgs } from 'node:util'

export interface Arguments {
  seed: number
  /** Inputs in all. */
  runs: number
  /** Only areas and properties with this text in their name. */
  only: string
}

const FULL = 100_000
const QUICK = 5_000

export const usage = `usage: npm run fuzz -- [--quick] [--seed N] [--runs N] [--only TEXT]
  --quick      about ${QUICK} inputs rather than ${FULL}
  --runs N     this many
  --seed N     the inputs of a run before: it printed its seed
  --only TEXT  areas and properties with this in their name`

/** Throws with the usage where something is not understood. */
export function readArguments (args: string[]): Arguments {
  const { values } = parse(args)
  return {
    seed: whole('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31),
    runs: whole('runs', values.runs) ?? (values.quick ? QUICK : FULL),
    only: values.only ?? ''
  }
}

function parse (args: string[]): { values: { quick?: boolean, seed?: string, runs?: string, only?: string } } {
  try {
    return parseArgs({ args, options: { quick: { type: 'boolean' }, seed: { type: 'string' }, runs: { type: 'string' }, only: { type: 'string' } } })
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${usage}`)
  }
}

function whole (name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 31) throw new Error(`--${name} must be a whole number below 2³¹, got "${text}"\n${usage}`)
  return Number(text)
}
