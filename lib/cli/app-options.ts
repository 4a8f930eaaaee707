/**
 * The options of the app, which follow `--` on a command line. They are read as `fastify start app.js -- …` reads them.
 */
import { parseArgs } from 'node:util'
import { ownOf } from '../own.ts'

const separator = (): number => process.argv.indexOf('--', 2)

/** The command line of the command itself. */
export const ownArgs = (): string[] => separator() < 0 ? process.argv : process.argv.slice(0, separator())

/** What follows `--`. */
export const appArgs = (): string[] => separator() < 0 ? [] : process.argv.slice(separator() + 1)

/** The same with its `--`, to pass it on to another process. */
export const appArgsToPass = (): string[] => appArgs().length === 0 ? [] : ['--', ...appArgs()]

type Value = string | boolean

/**
 * `--max-size 3` and `--max-size=3` give `{ maxSize: '3' }`, `--dry` gives `{ dry: true }`. An option that comes more
 * than once is an array.
 */
export function readAppOptions (args = appArgs()): Record<string, Value | Value[]> {
  const { tokens } = parseArgs({ args: args.flatMap(joinValue), strict: false, tokens: true })
  const options: Record<string, Value | Value[]> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const name = token.name.replaceAll(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase())
    const value = token.value ?? true
    const before = ownOf(options, name) ?? []
    options[name] = Array.isArray(before) && before.length === 0 ? value : [before, value].flat()
  }
  return options
}

/** `--name value` as one argument: parseArgs does not know which options have values. */
function joinValue (arg: string, i: number, args: string[]): string[] {
  if (takesNext(args, i - 1)) return []
  return takesNext(args, i) ? [`${arg}=${args[i + 1]}`] : [arg]
}

const takesNext = (args: string[], i: number): boolean =>
  /^--[^=]+$/.test(args[i] ?? '') && args[i + 1] !== undefined && !args[i + 1]!.startsWith('-')
