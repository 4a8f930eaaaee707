/** What a run found, and how people read it. */
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
  /** Peers that did not take part, and why. */
  leftOut: string[]
  seconds: number
}

const DIGITS = 3

/** Thousands are whole, and set apart by commas; what is smaller has three digits. */
export function show (cell: string | number | null): string {
  if (cell === null) return '–'
  if (typeof cell === 'string') return cell
  if (Math.abs(cell) >= 1_000) return Math.round(cell).toLocaleString('en-US')
  return String(Number(cell.toPrecision(DIGITS)))
}

function inColumns (rows: string[][]): string {
  const widths = rows[0]!.map((_cell, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row => row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join('  ')).join('\n')
}

function plainTable ({ title, note, columns, rows }: Table): string {
  return `\n${title}\n${inColumns([columns, ...rows.map(row => row.map(show))])}${note ? `\n${note}` : ''}\n`
}

function plainBars (bars: Bar[]): string {
  const rows = bars.map(({ name, figure, bar, met }) => [name, show(figure), bar, met ? 'met' : 'NOT MET'])
  return rows.length === 0 ? '' : `\n${inColumns([['', 'figure', 'bar', ''], ...rows])}\n`
}

export const plain = ({ tables, bars, leftOut, seconds }: Report): string =>
  [...tables.map(plainTable), plainBars(bars), ...leftOut.map(text => `\nLeft out: ${text}\n`), `\n${seconds.toFixed(0)} s\n`].join('')
