/**
 * The ledger of a worker process: a file with one line for each start and each end of an execution. A line is written
 * to the kernel before the handler continues, so a SIGKILL of the process does not lose it.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskContext } from '../lib/types.ts'

const SUFFIX = '.ledger'

export interface Execution {
  /** Unique name among all executions. The task's result holds the name of the execution that succeeded. */
  run: string
  /** Name of the worker process. */
  worker: string
  id: string
  attempt: number
  from: number
  /** Null if the process died before the execution ended. */
  to: number | null
  /** `ok`, or the code or message of the error; null if the process died. */
  outcome: string | null
}

export class LedgerWriter {
  readonly #file: number
  readonly #worker: string
  #count = 0

  constructor (dir: string, worker: string) {
    this.#file = openSync(join(dir, worker + SUFFIX), 'a')
    this.#worker = worker
  }

  /** Runs an execution. Its result is its name. */
  async record (task: TaskContext, work: () => Promise<void>): Promise<{ run: string }> {
    const run = `${this.#worker}.${++this.#count}`
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

/** The code of the abort's reason, or the error's message. An aborted handler throws an AbortError without a code. */
function reasonOf ({ signal }: TaskContext, error: Error): string {
  return signal.aborted ? (signal.reason as { code: string }).code : error.message.replaceAll(' ', '-')
}

/** All executions of all workers by task id, in the order of their start. */
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

function readLedger (text: string, worker: string): Iterable<Execution> {
  const byRun = new Map<string, Execution>()
  for (const line of text.split('\n')) {
    const [event, run, ...words] = line.split(' ')
    if (event === 'start') {
      const [id, attempt, , from] = words
      byRun.set(run!, {
        run: run!, worker, id: id!, attempt: Number(attempt), from: Number(from), to: null, outcome: null
      })
    }
    if (event === 'end') Object.assign(byRun.get(run!)!, { outcome: words[0]!, to: Number(words[1]) })
  }
  return byRun.values()
}
