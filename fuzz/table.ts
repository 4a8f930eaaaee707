/**
 * Prints the results of all properties as a table.
 */
import type { Result } from './run.ts'

interface Row { area: string, property: string, ms: number, result: Result }

export class Table {
  readonly #rows: Row[] = []

  add (row: Row): void {
    this.#rows.push(row)
    if (row.result.failure !== null) process.stdout.write(`\n✗ ${row.result.failure}\n\n`)
  }

  /** Prints the table. Returns the exit status of the process. */
  end (): number {
    const lines = [['area', 'property', 'inputs', 'seconds', 'failures'], ...this.#rows.map(toCells), this.#sum()]
    const widths = lines[0]!.map((_cell, i) => Math.max(...lines.map(cells => cells[i]!.length)))
    const pad = (cell: string, i: number): string => i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    for (const cells of lines) process.stdout.write(`${cells.map(pad).join('  ')}\n`)
    const failed = this.#failed()
    process.stdout.write(`\n${this.#rows.length - failed} passed, ${failed} failed\n`)
    return failed > 0 || this.#rows.length === 0 ? 1 : 0
  }

  #failed (): number { return this.#rows.filter(row => row.result.failure !== null).length }

  #sum (): string[] {
    const inputs = this.#rows.reduce((sum, row) => sum + row.result.inputs, 0)
    const ms = this.#rows.reduce((sum, row) => sum + row.ms, 0)
    return ['all', '', formatCount(inputs), (ms / 1_000).toFixed(1), String(this.#failed())]
  }
}

const formatCount = (inputs: number): string => inputs.toLocaleString('en')

const toCells = ({ area, property, ms, result }: Row): string[] =>
  [area, property, formatCount(result.inputs), (ms / 1_000).toFixed(1), result.failure === null ? '0' : '1']
