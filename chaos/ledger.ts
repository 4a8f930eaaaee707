/**
 * What a worker's handlers did, in a file of each process: one line for each start and each end of an execution. A line
 * is with the kernel before the handler goes on: a SIGKILL of the process does not lose it.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskContext } from '../lib/types.ts'

const SUFFIX = '.ledger'

export interface Execution {
  /** Unique among all executions of the run; the task's result, where it succeeded. */
  run: string
  /** The worker process. */
  life: string
  id: string
  attempt: number
  from: number
  /** Null where the process went away first. */
  to: number | null
  /** `ok`, or the code or message of what was thrown. */
  how: string | null
}

export class LedgerWriter {
  readonly #file: number
  readonly #life: string
  #count = 0

  constructor (dir: string, life: string) {
    this.#file = openSync(join(dir, life + SUFFIX), 'a')
    this.#life = life
  }

  /** Runs one execution; its result is its own name. */
  async record (task: TaskContext, work: () => Promise<void>): Promise<{ run: string }> {
    const run = `${this.#life}.${++this.#count}`
    this.#write('start', run, task.id, task.attempt, process.pid, Date.now())
    try {
      await work()
      this.#write('end', run, 'ok', Date.now())
      return { run }
    } catch (error) {
      this.#write('end', run, reasonOf(task, error as Error), Date.now())
      throw error
    }
  }

  #write (...words: Array<string | number>): void { writeSync(this.#file, `${words.join(' ')}\n`) }
}

/** A handler that was aborted threw an AbortError; its signal says why. */
function reasonOf ({ signal }: TaskContext, error: Error): string {
  return signal.aborted ? (signal.reason as { code: string }).code : error.message.replaceAll(' ', '-')
}

/** All executions of all workers, by task id, in the order in which they began. */
export function readLedgers (dir: string): Map<string, Execution[]> {
  const byId = new Map<string, Execution[]>()
  for (const file of readdirSync(dir).filter(name => name.endsWith(SUFFIX))) {
    for (const execution of readLedger(readFileSync(join(dir, file), 'utf8'), file.slice(0, -SUFFIX.length))) {
      const known = byId.get(execution.id)
      if (known) known.push(execution)
      else byId.set(execution.id, [execution])
    }
  }
  for (const executions of byId.values()) executions.sort((a, b) => a.from - b.from)
  return byId
}

function readLedger (text: string, life: string): Iterable<Execution> {
  const byRun = new Map<string, Execution>()
  for (const line of text.split('\n')) {
    const [what, run, ...words] = line.split(' ')
    if (what === 'start') byRun.set(run!, { run: run!, life, id: words[0]!, attempt: Number(words[1]), from: Number(words[3]), to: null, how: null })
    if (what === 'end') Object.assign(byRun.get(run!)!, { how: words[0]!, to: Number(words[1]) })
  }
  return byRun.values()
}
