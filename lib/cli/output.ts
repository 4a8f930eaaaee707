/**
 * Layer 4: where a command writes: standard output has what was asked for, standard error the words for people.
 */
import { styleText } from 'node:util'
import Table from 'cli-table3'
import { asJson, oneLine } from './text.ts'
import type { TaskState } from '../types.ts'

export const printErr = (text: string): void => { process.stderr.write(`${text}\n`) }

export const print = (text: string): void => { process.stdout.write(`${text}\n`) }

export const printJson = (value: unknown): void => print(asJson(value))

/** For commands that print nothing but an outcome. */
export function printOutcome (json: boolean | undefined, outcome: Record<string, unknown>): void {
  if (json) printJson(outcome)
  else print(Object.values(outcome).map(value => oneLine(String(value))).join('  '))
}

/** Whoever reads has enough (`| head`): the command ends, and says nothing. */
export function endWithReader (): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0)
      throw error
    })
  }
}

/** Nobody reads any more: the work goes on. Without a listener what cannot be said is an uncaught error, which is said. */
export function workWithoutReader (): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Resolves once all that was printed has been written: an exit would cut it off. */
export const flushed = (): Promise<void> => new Promise(resolve => { process.stdout.write('', () => resolve()) })

/** A terminal with colours; hasColors knows NO_COLOR, FORCE_COLOR and TERM. */
const hasColors = (): boolean => process.stdout.isTTY && process.stdout.hasColors()

type Style = Parameters<typeof styleText>[0]

export const styled = (style: Style, text: string): string => hasColors() ? styleText(style, text) : text

const COLOURS = { waiting: 'cyan', delayed: 'cyan', active: 'blue', retrying: 'yellow', succeeded: 'green', failed: 'red', cancelled: 'gray', expired: 'gray' } as const

export const paint = (state: TaskState): string => styled(COLOURS[state], state)

/** No lines: `awk` and `cut` take a row apart as well. */
const LINES = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid']
const BARE = { chars: { ...Object.fromEntries(LINES.map(line => [line, ''])), middle: '  ' }, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] } }

/** Rows below their heads. */
export function printTable (heads: string[], rows: string[][]): void {
  const table = new Table({ ...BARE, head: heads.map(head => styled('bold', head)) })
  table.push(...rows)
  print(table.toString().replace(/ +$/gm, ''))
}

/** One line for each field. */
export function printFields (fields: Array<[name: string, value: string]>): void {
  const table = new Table(BARE)
  table.push(...fields.map(([name, value]) => [styled('bold', name), value]))
  print(table.toString().replace(/ +$/gm, ''))
}
