/**
 * Asks before something is destroyed.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { oneLine } from './text.ts'

/** @param refusal what is thrown if there is nobody to ask */
export async function confirmed (question: string, refusal: () => Error): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refusal()
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const noAnswer = once(terminal, 'close').then(() => '') // Ctrl+C, Ctrl+D, or the end of the input
    const answer = terminal.question(`${oneLine(question)} [y/N] `).catch(() => '')
    return /^y(es)?$/i.test((await Promise.race([answer, noAnswer])).trim())
  } finally {
    terminal.close()
  }
}
