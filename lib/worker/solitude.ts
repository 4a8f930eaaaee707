/**
 * Tasks that have to run alone in their process: see suspects.ts. All workers of the process share this:
 *
 *     open ──request──▶ closed: nothing else is claimed or started, what runs goes on ──nothing is held──▶ one runs
 *     one runs ──its outcome is written──▶ the next one runs, or open
 *     one runs ──for its longest time alone──▶ open: other tasks run beside it, but none that has to run alone
 */
import { clearTimeout, setTimeout } from '../timers.ts'

/** The consumer of a queue. */
export interface SolitudeMember {
  /** How many tasks run here whose outcome is not written yet. */
  held (): number
  /** Called when tasks may be claimed and started again. */
  resume (): void
}

/** A task that has to run alone. */
export interface LoneTask {
  /** The longest time alone, in ms. */
  readonly aloneMs: number
  /** Starts it, unless its claim was lost. */
  start (): void
  /** Whether it is about to start, or runs, or its outcome is not written yet. */
  isHeld (): boolean
}

class Solitude {
  readonly #members = new Set<SolitudeMember>()
  readonly #queue = new Set<LoneTask>()
  #current: LoneTask | null = null
  #timer: NodeJS.Timeout | undefined
  /** The current task has been alone for its longest time. */
  #isTimeOver = false
  /** Whether a task runs alone, or waits for that. Then nothing else is claimed or started. */
  closed = false

  join (member: SolitudeMember): void { this.#members.add(member) }

  leave (member: SolitudeMember): void {
    this.#members.delete(member)
    this.check()
  }

  request (task: LoneTask): void {
    this.#queue.add(task)
    this.closed = true
    this.check()
  }

  /** False if it has started. */
  withdraw (task: LoneTask): boolean {
    const waited = this.#queue.delete(task)
    this.check()
    return waited
  }

  /** To be called when a task is not held any more. */
  check (): void {
    while (this.closed && !this.#current?.isHeld()) {
      this.#current = null
      if (this.#queue.size === 0) return this.#open()
      for (const member of this.#members) if (member.held() > 0) return
      this.#start()
    }
    if (this.closed && this.#isTimeOver && this.#queue.size === 0) this.#open()
  }

  #start (): void {
    const [next] = this.#queue
    this.#queue.delete(next!)
    this.#current = next!
    this.#isTimeOver = false
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#isTimeOver = true
      this.check()
    }, next!.aloneMs).unref()
    next!.start()
  }

  #open (): void {
    clearTimeout(this.#timer)
    this.closed = false
    for (const member of this.#members) member.resume()
  }
}

export const solitude = new Solitude()
