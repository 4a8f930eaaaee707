/** The report of a run, and its plain text. */
import type { Bar } from './bars.ts'
import type { Panel } from './chart.ts'
import type { Machine } from './machine.ts'
import type { Size, Table } from './context.ts'

export interface Report {
  size: Size
  bars: Bar[]
  tables: Table[]
  charts: Panel[]
  machine: Machine
  /** Why peers did not take part. */
  leftOut: string[]
  seconds: number
}

const DIGITS = 3

/** From 1,000 on a whole number with commas; below, three significant digits. */
export function formatCell (cell: string | number | null): string {
  if (cell === null) return '–'
  if (typeof cell === 'string') return cell
  if (Math.abs(cell) >= 1_000) return Math.round(cell).toLocaleString('en-US')
  return String(Number(cell.toPrecision(DIGITS)))
}

function inColumns (rows: string[][]): string {
  const widths = rows[0]!.map((_cell, column) => Math.max(...rows.map(row => row[column]!.length)))
  const padded = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)
  return rows.map(row => row.map(padded).join('  ')).join('\n')
}

function plainTable ({ title, note, columns, rows }: Table): string {
  return `\n${title}\n${inColumns([columns, ...rows.map(row => row.map(formatCell))])}${note ? `\n${note}` : ''}\n`
}

function plainBars (bars: Bar[]): string {
  const rows = bars.map(({ name, figure, bar, met }) => [name, formatCell(figure), bar, met ? 'met' : 'NOT MET'])
  return rows.length === 0 ? '' : `\n${inColumns([['', 'figure', 'bar', ''], ...rows])}\n`
}

export function plainText ({ tables, bars, leftOut, seconds }: Report): string {
  const reasons = leftOut.map(text => `\nLeft out: ${text}\n`)
  return [...tables.map(plainTable), plainBars(bars), ...reasons, `\n${seconds.toFixed(0)} s\n`].join('')
}
