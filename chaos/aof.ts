/**
 * Redis' append-only file as the bench's witness. It has every write that Redis ever answered, in order, across all
 * restarts (appendfsync always, never rewritten), with the effects of each script. So nothing that happened to a record
 * can be missed: neither between two looks, nor while a subscriber was away. An outcome that was settled twice is
 * there as a write to a record that had ended.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTerminal } from '../lib/records/task-record.ts'
import type { TerminalState } from '../lib/types.ts'

export interface History {
  /** The state of each terminal record that was written, in order: one is right. */
  ends: TerminalState[]
  /** The last terminal record. */
  record: any
  /** Writes to a record after its end, or anew after it was removed: none is right. */
  afterwards: string[]
  /** Its worker was found to have gone away, this many times. */
  stalls: number
  removed: boolean
}

export function readAof (dir: string): Map<string, History> {
  const histories = new Map<string, History>()
  const folder = join(dir, 'appendonlydir')
  const files = readdirSync(folder).filter(name => name.endsWith('.incr.aof')).sort((a, b) => Number(a.split('.')[2]) - Number(b.split('.')[2]))
  for (const file of files) {
    for (const command of commands(readFileSync(join(folder, file)))) apply(histories, command)
  }
  return histories
}

/** Commands as Redis writes them: `*3\r\n$4\r\nHSET\r\n…`. */
function * commands (bytes: Buffer): Generator<string[]> {
  let at = 0
  const number = (): number => {
    const end = bytes.indexOf('\r\n', at)
    const value = Number(bytes.toString('latin1', at + 1, end))
    at = end + 2
    return value
  }
  while (at < bytes.length) {
    const words: string[] = []
    for (let left = number(); left > 0; left--) {
      const length = number()
      words.push(bytes.toString('utf8', at, at + length))
      at += length + 2
    }
    yield words
  }
}

function apply (histories: Map<string, History>, [command, key = '', ...args]: string[]): void {
  const about = `${command!.toUpperCase()} ${key.slice(key.lastIndexOf('}') + 2)}`
  if (about === 'HSET jobs') for (let i = 0; i < args.length; i += 2) write(historyOf(histories, args[i]!), args[i + 1]!)
  if (about === 'HDEL jobs') for (const id of args) historyOf(histories, id).removed = true
  if (about === 'HINCRBY stalls') historyOf(histories, args[0]!).stalls++
}

function historyOf (histories: Map<string, History>, id: string): History {
  let found = histories.get(id)
  if (!found) histories.set(id, found = { ends: [], record: null, afterwards: [], stalls: 0, removed: false })
  return found
}

function write (history: History, text: string): void {
  const record = JSON.parse(text)
  if (history.ends.length > 0) history.afterwards.push(`${record.status} after ${history.removed ? 'removal' : history.ends.at(-1)}`)
  history.removed = false
  if (!isTerminal(record.status)) return
  history.ends.push(record.status)
  history.record = record
}
