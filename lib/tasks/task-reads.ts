/**
 * Reads tasks. All of a queue that are asked for in one turn of the event loop are read by one call: that a call is
 * made costs the store and this process more than what it reads of a task.
 */
import { setImmediate } from '../timers.ts'
import { TRY_AGAIN } from './advice.ts'
import type { Queue, RawTask } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'

/** Of one call: so many small records are some 0.2 ms of Redis. The store bounds large ones by their bytes. */
const MAX_IDS = 100

interface AskedTask {
  id: string
  resolve: (task: RawTask | null) => void
  reject: (error: unknown) => void
}

export class TaskReads {
  readonly #calls: BoundedCalls
  /** For each queue. They stay: a Map that is emptied again and again costs garbage (see short-lived.ts). */
  readonly #asked = new Map<Queue, { reads: AskedTask[] }>()
  #willSend = false

  constructor (calls: BoundedCalls) {
    this.#calls = calls
  }

  /** Null if there is no such task. Rejects as `BoundedCalls.call`. */
  read (queue: Queue, id: string): Promise<RawTask | null> {
    return new Promise((resolve, reject) => {
      let asked = this.#asked.get(queue)
      if (!asked) this.#asked.set(queue, asked = { reads: [] })
      asked.reads.push({ id, resolve, reject })
      if (!this.#willSend) setImmediate(() => this.#send())
      this.#willSend = true
    })
  }

  #send (): void {
    this.#willSend = false
    for (const [queue, asked] of this.#asked) {
      const { reads } = asked
      if (reads.length > 0) asked.reads = []
      for (let i = 0; i < reads.length; i += MAX_IDS) this.#readAll(queue, reads.slice(i, i + MAX_IDS))
    }
  }

  #readAll (queue: Queue, reads: AskedTask[]): void {
    const [first] = reads
    const what = `a status of task "${first!.id}"${reads.length > 1 ? ` and ${reads.length - 1} more` : ''}`
    const ids = reads.map(({ id }) => id)
    this.#calls.call(what, TRY_AGAIN, () => queue.readTasks(ids)).then(tasks => {
      tasks.forEach((task, i) => reads[i]!.resolve(task))
      if (tasks.length < reads.length) this.#readAll(queue, reads.slice(tasks.length))
    }, error => reads.forEach(({ reject }) => reject(error)))
  }
}
