/** The figures of a run, for people. */
import type { Bar } from './bars.ts'
import type { Table } from './stage.ts'

const DIGITS = 3

/** Whole thousands are told apart by a comma; small figures have three digits. */
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

export function plainTable ({ title, note, columns, rows }: Table): string {
  return `\n${title}\n${inColumns([columns, ...rows.map(row => row.map(show))])}${note ? `\n${note}` : ''}`
}

export function plainBars (bars: Bar[]): string {
  const rows = bars.map(({ name, figure, bar, met }) => [name, show(figure), bar, met ? 'met' : 'NOT MET'])
  return rows.length === 0 ? '' : `\n${inColumns([['bar', 'figure', 'bar', ''], ...rows])}`
}
