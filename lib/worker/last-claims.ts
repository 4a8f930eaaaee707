/**
 * How long a close waits for what was claimed last.
 */
import { within } from '../within.ts'
import type { StoreConnection } from '../store/contract.ts'

/** If the connection is lost, in ms. ioredis dials once or twice in this time. */
const LOST_MS = 500
/** If it is there: so much longer, in ms. A server may be slow, or may never answer. */
const CONNECTED_MS = 1_500

/**
 * Resolves once it is known what the claim and the wait in flight gave, or if that takes too long: without Redis it may
 * take for ever. What they gave then goes back to its queue when the lease expires.
 */
export async function collectLastClaims (claims: Promise<unknown>, connection: StoreConnection): Promise<void> {
  if (await within(LOST_MS, claims)) return
  if (connection.status === 'ready') await within(CONNECTED_MS, claims)
}
