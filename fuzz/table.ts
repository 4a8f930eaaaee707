/**
 * What was tried, and what failed.
 */
import type { Tried } from './run.ts'

interface Row { area: string, property: string, ms: number, tried: Tried }

export class Table {
  readonly #rows: Row[] = []

  add (row: Row): void {
    this.#rows.push(row)
    if (row.tried.failure !== null) process.stdout.write(`\n✗ ${row.tried.failure}\n\n`)
  }

  /** Prints all of it; the process' exit code. */
  end (): number {
    const lines = [['area', 'property', 'inputs', 'seconds', 'failures'], ...this.#rows.map(toCells), this.#sum()]
    const widths = lines[0]!.map((_cell, i) => Math.max(...lines.map(cells => cells[i]!.length)))
    for (const cells of lines) process.stdout.write(`${cells.map((cell, i) => i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join('  ')}\n`)
    const failed = this.#failed()
    process.stdout.write(`\n${this.#rows.length - failed} passed, ${failed} failed\n`)
    return failed > 0 || this.#rows.length === 0 ? 1 : 0
  }

  #failed (): number { return this.#rows.filter(row => row.tried.failure !== null).length }

  #sum (): string[] {
    const inputs = this.#rows.reduce((sum, row) => sum + row.tried.inputs, 0)
    const ms = this.#rows.reduce((sum, row) => sum + row.ms, 0)
    return ['all', '', count(inputs), (ms / 1_000).toFixed(1), String(this.#failed())]
  }
}

const count = (inputs: number): string => inputs.toLocaleString('en')

const toCells = ({ area, property, ms, tried }: Row): string[] =>
  [area, property, count(tried.inputs), (ms / 1_000).toFixed(1), tried.failure === null ? '0' : '1']
