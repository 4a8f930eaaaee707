/**
 * Reads each task's history from Redis' append-only file. The file has every write that Redis ever answered, in order
 * and across all restarts (appendfsync always, never rewritten), with the effects of each script. So no change of a
 * record is missed, as it could be by polling, or while a subscriber is disconnected. If a task is settled twice, the
 * file has a write to a record that was already terminal.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTerminal } from '../lib/records/task-record.ts'
import type { TerminalState } from '../lib/types.ts'

export interface History {
  /** The state of each terminal record that was written, in order. Exactly one is correct. */
  terminalStates: TerminalState[]
  /** The last terminal record. */
  record: any
  /** Writes to a terminal or removed record. None is correct. */
  lateWrites: string[]
  /** The same, of one record: it may have been removed before, and made again. None is correct. */
  lateWritesOfOne: string[]
  /** How often a record was made: it may have been removed, and made again. */
  records: number
  /** How often the task was found stalled. */
  stalls: number
  removed: boolean
  /** Of the present record. Null if there is none. */
  status: string | null
}

export function readAof (dir: string): Map<string, History> {
  const histories = new Map<string, History>()
  for (const command of readCommands(dir)) apply(histories, command)
  return histories
}

/** All writes, in their order. */
export function * readCommands (dir: string): Generator<string[]> {
  const folder = join(dir, 'appendonlydir')
  const files = readdirSync(folder)
    .filter(name => name.endsWith('.incr.aof'))
    .sort((a, b) => Number(a.split('.')[2]) - Number(b.split('.')[2]))
  for (const file of files) yield * commands(readFileSync(join(folder, file)))
}

/** Parses commands as Redis writes them: `*3\r\n$4\r\nHSET\r\n…`. */
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
  const name = `${command!.toUpperCase()} ${key.slice(key.lastIndexOf('}') + 2)}`
  if (name === 'HSET jobs') for (let i = 0; i < args.length; i += 2) write(historyOf(histories, args[i]!), args[i + 1]!)
  if (name === 'HDEL jobs') for (const id of args) remove(historyOf(histories, id))
  if (name === 'HINCRBY stalls') historyOf(histories, args[0]!).stalls++
}

function historyOf (histories: Map<string, History>, id: string): History {
  let history = histories.get(id)
  if (!history) {
    history = newHistory()
    histories.set(id, history)
  }
  return history
}

const newHistory = (): History => ({
  terminalStates: [],
  record: null,
  lateWrites: [],
  lateWritesOfOne: [],
  records: 0,
  stalls: 0,
  removed: false,
  status: null
})

function remove (history: History): void {
  history.removed = true
  history.status = null
}

function write (history: History, text: string): void {
  const record = JSON.parse(text)
  const last = history.terminalStates.at(-1)
  if (history.status === null) history.records++
  if (last) history.lateWrites.push(`${record.status} after ${history.removed ? 'removal' : last}`)
  if (history.status !== null && isTerminal(history.status)) {
    history.lateWritesOfOne.push(`${record.status} after ${history.status}`)
  }
  history.removed = false
  history.status = record.status
  if (!isTerminal(record.status)) return
  history.terminalStates.push(record.status)
  history.record = record
}
