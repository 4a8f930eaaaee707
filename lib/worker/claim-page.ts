/**
 * The memory that a worker and the guard thread share: a page for each claim that is on its way, or whose tasks have
 * not all started. Its state is changed by compare-and-exchange only: a task is either started here or given back.
 *
 *     free ──asked──▶ asked ──answered──▶ first job, second job, … is next ──the last has started──▶ free
 *                       └────────────────────┴──the guard takes it──▶ taken, for ever: the worker drops the page
 */
import type { ClaimedJob } from '../store/contract.ts'

const FREE = 0
const ASKED = 1
/** The state while the first job is the next to start. */
const FIRST = 2
const TAKEN = -1

/** Where what is: four numbers of 32 bits, a number of 64 bits, then the ids as JSON. */
const [STATE, CONSUMER, LENGTH] = [0, 1, 2]
const NUMBER_AT = 16
const IDS_AT = 24
const SMALLEST = 16_384

/** What the guard has taken. Without ids: the claim was on its way. */
export interface TakenClaim {
  consumer: number
  /** The number of the claim: see claim-token.ts. */
  number: number
  ids: string[] | null
}

export class ClaimPage {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #number: Float64Array
  readonly #ids: Buffer
  /** Only for the worker's side: the state as it was written last. */
  #state = FREE

  constructor (memory: SharedArrayBuffer = new SharedArrayBuffer(SMALLEST)) {
    this.memory = memory
    this.#words = new Int32Array(memory, 0, 4)
    this.#number = new Float64Array(memory, NUMBER_AT, 1)
    this.#ids = Buffer.from(memory, IDS_AT)
  }

  /** A page that these ids fit in. */
  static for (ids: string): ClaimPage {
    return new ClaimPage(new SharedArrayBuffer(Math.max(SMALLEST, 8 * Math.ceil((IDS_AT + 3 * ids.length) / 8))))
  }

  // The worker's side

  /** UTF-16 takes up to three bytes of UTF-8 for each of its units. */
  fits (ids: string): boolean { return 3 * ids.length <= this.#ids.length }

  asked (consumer: number, number: number): void {
    this.#words[CONSUMER] = consumer
    this.#number[0] = number
    this.#set(ASKED)
  }

  /** To be called while the state is free. */
  answered (consumer: number, number: number, ids: string): void {
    this.#words[CONSUMER] = consumer
    this.#number[0] = number
    this.#words[LENGTH] = this.#ids.write(ids)
    this.#set(FIRST)
  }

  #set (state: number): void {
    this.#state = state
    Atomics.store(this.#words, STATE, state)
  }

  /** The worker is about to start a job. False if the guard has taken it. */
  start (position: number): boolean { return this.#change(FIRST + position + 1) }

  /** The guard has nothing more to give back. False if it has taken it. */
  free (): boolean { return this.#change(FREE) }

  #change (state: number): boolean {
    const before = this.#state
    this.#state = state
    return Atomics.compareExchange(this.#words, STATE, before, state) === before
  }

  get isTaken (): boolean { return Atomics.load(this.#words, STATE) === TAKEN }

  // The guard's side

  /** Null if there is nothing to take, or the worker was quicker. */
  take (): TakenClaim | null {
    const state = Atomics.load(this.#words, STATE)
    if (state < ASKED || Atomics.compareExchange(this.#words, STATE, state, TAKEN) !== state) return null
    const [consumer, number] = [this.#words[CONSUMER]!, this.#number[0]!]
    if (state === ASKED) return { consumer, number, ids: null }
    const ids: string[] = JSON.parse(this.#ids.toString('utf8', 0, this.#words[LENGTH]))
    return { consumer, number, ids: ids.slice(state - FIRST) }
  }
}

/** A page that is ready for a claim, and where it goes when it is free again. */
export interface PagePool {
  take (ids?: string): ClaimPage
  recycle (page: ClaimPage): void
  /** The guard has taken the page. */
  drop (page: ClaimPage): void
}

/** One claim of a consumer, from its call until all of its tasks have started. */
export class Hold {
  readonly #pool: PagePool
  readonly #consumer: number
  readonly #number: number
  /** Null: the guard has nothing to give back. */
  #page: ClaimPage | null
  /** How many jobs have not started. */
  #left = 0
  /** The guard has given it back, or is about to. */
  #isTaken = false

  constructor (pool: PagePool, consumer: number, number: number) {
    this.#pool = pool
    this.#consumer = consumer
    this.#number = number
    this.#page = pool.take()
    this.#page.asked(consumer, number)
  }

  /** The reply has come. False if the guard has given its tasks back: nobody here may start them. */
  answered (jobs: ClaimedJob[]): boolean {
    if (!this.takeAll()) return false
    this.#left = jobs.length
    if (jobs.length === 0) return true
    const ids = JSON.stringify(jobs.map(({ id }) => id))
    this.#page = this.#pool.take(ids)
    this.#page.answered(this.#consumer, this.#number, ids)
    return true
  }

  /** A job is about to start. False if the guard has given it back. */
  start (position: number): boolean {
    if (!this.#page) return !this.#isTaken
    if (this.#left === 1) return this.takeAll()
    this.#left--
    return this.#page.start(position) || this.#onTaken()
  }

  /** A job is not held any more. */
  forget (): void { if (this.#page && --this.#left === 0) this.takeAll() }

  /** Whether the worker has all that is left for itself. False if the guard has given it back. */
  takeAll (): boolean {
    if (!this.#page) return !this.#isTaken
    if (!this.#page.free()) return this.#onTaken()
    this.#pool.recycle(this.#page)
    this.#page = null
    return true
  }

  /** Whether the guard has given back what is left. */
  checkTaken (): boolean {
    if (this.#page?.isTaken) this.#onTaken()
    return this.#isTaken
  }

  #onTaken (): false {
    this.#pool.drop(this.#page!)
    this.#page = null
    this.#isTaken = true
    return false
  }
}
