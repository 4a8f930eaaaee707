/**
 * Parses the arguments of `npm run fuzz`.
 */
import { parseArgs } from 'node:util'

export interface Arguments {
  seed: number
  /** The total number of inputs. */
  runs: number
  /** Only areas and properties whose name contains this text. */
  only: string
}

const FULL = 100_000
const QUICK = 5_000

export const usage = `usage: npm run fuzz -- [--quick] [--seed N] [--runs N] [--only TEXT]
  --quick      about ${QUICK} inputs instead of ${FULL}
  --runs N     about N inputs
  --seed N     repeat the inputs of an earlier run, which printed its seed
  --only TEXT  only areas and properties whose name contains TEXT`

/** Throws an error with the usage if an argument is wrong. */
export function readArguments (args: string[]): Arguments {
  const { values } = parse(args)
  return {
    seed: wholeNumber('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31),
    runs: wholeNumber('runs', values.runs) ?? (values.quick ? QUICK : FULL),
    only: values.only ?? ''
  }
}

function parse (args: string[]): { values: { quick?: boolean, seed?: string, runs?: string, only?: string } } {
  try {
    return parseArgs({
      args,
      options: {
        quick: { type: 'boolean' },
        seed: { type: 'string' },
        runs: { type: 'string' },
        only: { type: 'string' }
      }
    })
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${usage}`)
  }
}

function wholeNumber (name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 31) {
    throw new Error(`--${name} must be a whole number below 2³¹, got "${text}"\n${usage}`)
  }
  return Number(text)
}
