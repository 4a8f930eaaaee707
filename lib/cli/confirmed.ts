/**
 * Asks before something is destroyed.
 */
import { createInterface } from 'node:readline/promises'
import { oneLine } from './text.ts'

/** @param refusal what is thrown if there is nobody to ask */
export async function confirmed (question: string, refusal: () => Error): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refusal()
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${oneLine(question)} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
