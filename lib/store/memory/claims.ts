/**
 * The claims of one queue in this process: who runs a task, what it reported, and whether it is to be cancelled.
 */
import type { ClaimRef, ClaimStatus } from '../contract.ts'

export class Claims {
  readonly #claims = new Map<string, { token: string, at: number }>()
  readonly #progress = new Map<string, string>()
  /** Running tasks whose cancel was requested. */
  readonly #cancelling = new Set<string>()

  get size (): number { return this.#claims.size }
  get all (): ReadonlyMap<string, { at: number }> { return this.#claims }
  /** Whether a cancel was requested, of whatever task. */
  get hasCancels (): boolean { return this.#cancelling.size > 0 }

  of (id: string): { token: string, at: number } | undefined { return this.#claims.get(id) }
  progressOf (id: string): string | undefined { return this.#progress.get(id) }
  owns ({ id, token }: ClaimRef): boolean { return this.#claims.get(id)?.token === token }
  isCancelling (id: string): boolean { return this.#cancelling.has(id) }

  statusOf (claim: ClaimRef): ClaimStatus {
    if (!this.owns(claim)) return 'lost'
    return this.#cancelling.has(claim.id) ? 'cancelRequested' : 'owned'
  }

  claim (id: string, token: string, at: number): void { this.#claims.set(id, { token, at }) }

  /** False if the claim was lost. */
  report (claim: ClaimRef, progress: string): boolean {
    if (!this.owns(claim)) return false
    this.#progress.set(claim.id, progress)
    return true
  }

  /** Null if nobody has claimed it. */
  requestCancel (id: string): { token: string } | null {
    const claim = this.#claims.get(id)
    if (claim) this.#cancelling.add(id)
    return claim ?? null
  }

  /** The task ended: nobody has to cancel it any more. */
  endCancel (id: string): void { this.#cancelling.delete(id) }

  unclaim (id: string): void {
    this.#claims.delete(id)
    this.#progress.delete(id)
  }

  /** Ends claims. The ids whose claims were ended are in the order of the claims. */
  release (claims: ClaimRef[]): { statuses: ClaimStatus[], released: string[] } {
    const released: string[] = []
    // Last first, as in Redis: each is put before those that came before it.
    const statuses = claims.toReversed().map(claim => {
      const status = this.statusOf(claim)
      if (status === 'owned') {
        this.unclaim(claim.id)
        released.push(claim.id)
      }
      return status
    })
    return { statuses: statuses.reverse(), released: released.reverse() }
  }
}
