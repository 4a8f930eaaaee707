/**
 * Claims the tasks of one queue in this process for its workers, which may wait for one.
 */
import { nameIn } from './reads.ts'
import { LastClaims, type ClaimKind } from './last-claims.ts'
import { Waits } from './waits.ts'
import type { Claims } from './claims.ts'
import type { TaskLists } from './task-lists.ts'
import type { ClaimedJob, ClaimReply } from '../contract.ts'

interface ClaimingOptions {
  records: Map<string, string>
  lists: TaskLists
  claims: Claims
  now: () => number
  publish: (id: string, change: string) => void
  /** Ids were taken out of the lists: claimed, or parked as their names are paused. */
  onTaken: () => void
}

export class Claiming {
  readonly #records: Map<string, string>
  readonly #lists: TaskLists
  readonly #claims: Claims
  readonly #now: () => number
  readonly #publish: (id: string, change: string) => void
  readonly #onTaken: () => void
  readonly #lastClaims = new LastClaims()
  readonly #waits = new Waits()

  constructor ({ records, lists, claims, now, publish, onTaken }: ClaimingOptions) {
    this.#records = records
    this.#lists = lists
    this.#claims = claims
    this.#now = now
    this.#publish = publish
    this.#onTaken = onTaken
  }

  wakeAll (): void { this.#waits.wakeAll() }

  claim (free: number, token: string, again: boolean): ClaimReply {
    const claimed = again ? this.#reclaim(token) : []
    return this.#toReply(claimed.length > 0 ? claimed : this.#take(free, token, 'now'))
  }

  async claimNext (token: string): Promise<ClaimReply> {
    if (!this.#hasWaiting && !this.#waits.isCancelled(token)) await this.#waits.wait(token)
    return this.#toReply(this.#waits.isCancelled(token) ? [] : this.#take(1, token, 'wait'))
  }

  cancelWait (token: string): ClaimReply {
    this.#waits.cancel(token, this.#now())
    return this.#toReply(this.#reclaim(token))
  }

  get #hasWaiting (): boolean { return this.#lists.waiting.size > 0 }

  #toReply (jobs: ClaimedJob[]): ClaimReply { return { jobs, now: this.#now(), kept: true, more: this.#hasWaiting } }

  #take (free: number, token: string, kind: ClaimKind): ClaimedJob[] {
    const jobs: ClaimedJob[] = []
    for (const id of this.#lists.takeWaiting(free, id => nameIn(this.#records.get(id)))) {
      const text = this.#records.get(id)
      if (text === undefined) continue
      this.#claims.claim(id, token, this.#now())
      jobs.push({ id, text, token })
      this.#publish(id, 'active')
    }
    this.#lastClaims.put(token, kind, jobs)
    this.#onTaken()
    return jobs
  }

  /** The tasks that the token has claimed already, claimed again: the caller is about to start them. */
  #reclaim (token: string): ClaimedJob[] {
    const ids = this.#lastClaims.of(token).filter(id => this.#claims.owns({ id, token }))
    for (const id of ids) this.#claims.claim(id, token, this.#now())
    return ids.map(id => ({ id, text: this.#records.get(id) ?? null, token }))
  }
}
