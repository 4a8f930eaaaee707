/**
 * What a command writes: its result to standard output, messages for people to standard error.
 */
import { styleText } from 'node:util'
import Table from 'cli-table3'
import { cleanMessage, cleanText, oneLine, toJsonLine } from './text.ts'
import type { TaskState } from '../types.ts'

/** Filters what it prints, as all functions here. */
export const printErr = (text: string): void => { process.stderr.write(`${cleanMessage(text)}\n`) }

export const print = (text: string): void => { process.stdout.write(`${cleanText(text)}\n`) }

export const printJson = (value: unknown): void => print(toJsonLine(value))

export const countedTasks = (count: number): string => count === 1 ? '1 task' : `${count} tasks`

/** The result of a command that has nothing but an outcome. */
export function printOutcome (json: boolean | undefined, outcome: Record<string, unknown>): void {
  if (json) printJson(outcome)
  else print(Object.values(outcome).map(value => oneLine(String(value))).join('  '))
}

/**
 * Goes on when the reader closes the pipe. Without a listener each failed write is an uncaught error, and the message
 * about that is another failed write.
 */
export function ignoreClosedPipe (): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Resolves when all output has been written. An exit before that would cut it off. */
export const flushed = (): Promise<void> => new Promise(resolve => { process.stdout.write('', () => resolve()) })

/** Whether the terminal shows colours. hasColors reads NO_COLOR, FORCE_COLOR and TERM. */
const hasColors = (): boolean => process.stdout.isTTY && process.stdout.hasColors()

type Style = Parameters<typeof styleText>[0]

/** A text of our own with the sequences of a terminal: no filter for it. */
class Styled {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }
}

type Cell = string | Styled

const styled = (style: Style, text: string): Styled => new Styled(hasColors() ? styleText(style, text) : text)

const toText = (cell: Cell): string => cell instanceof Styled ? cell.text : cleanText(cell)

const COLOURS = {
  waiting: 'cyan',
  delayed: 'cyan',
  active: 'blue',
  retrying: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'gray',
  expired: 'gray'
} as const

export const paint = (state: TaskState): Styled => styled(COLOURS[state], state)

const LINES = [
  'top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid',
  'mid', 'mid-mid', 'right', 'right-mid'
]
/** No lines: `awk` and `cut` have to split a row too. */
const BARE = {
  chars: { ...Object.fromEntries(LINES.map(line => [line, ''])), middle: '  ' },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] }
}

/** Rows below their titles. */
export function printTable (titles: string[], rows: Cell[][]): void {
  const table = new Table({ ...BARE, head: titles.map(title => styled('bold', title).text) })
  table.push(...rows.map(row => row.map(toText)))
  printRows(table)
}

/** One line for each field. */
export function printFields (fields: Array<[name: string, value: Cell]>): void {
  const table = new Table(BARE)
  table.push(...fields.map(([name, value]) => [styled('bold', name).text, toText(value)]))
  printRows(table)
}

/** Its cells have been filtered. */
const printRows = (table: Table.Table): void => {
  // Not by an expression: it would try each row of blanks inside, from each of them.
  const lines = table.toString().split('\n').map(line => line.trimEnd())
  process.stdout.write(`${lines.join('\n')}\n`)
}
