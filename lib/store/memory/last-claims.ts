/**
 * What each worker claimed last, so that it gets the same tasks again if it asks again with the same token.
 */
import { workerOf } from '../claim-token.ts'

/** A worker has at most two claims on their way: one that does not block, and one behind a wait. */
export type ClaimKind = 'now' | 'wait'

export class LastClaims {
  readonly #claims = new Map<string, { token: string, ids: string[] }>()

  put (token: string, kind: ClaimKind, jobs: Array<{ id: string }>): void {
    if (jobs.length > 0) this.#claims.set(keyOf(token, kind), { token, ids: jobs.map(({ id }) => id) })
  }

  of (token: string): string[] {
    const found = (['now', 'wait'] as const).map(kind => this.#claims.get(keyOf(token, kind)))
    return found.find(claim => claim?.token === token)?.ids ?? []
  }
}

const keyOf = (token: string, kind: ClaimKind): string => `${workerOf(token)} ${kind}`
