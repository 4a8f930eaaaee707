/**
 * What the queue in memory reads from its claims and records as the scripts do in Redis.
 */

/** Ids by the time of their claims. Redis compares ids by their bytes. */
export function byClaim (claims: ReadonlyMap<string, { at: number }>): string[] {
  const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))
  const all = [...claims].sort(([one, { at }], [other, claim]) => at - claim.at || byBytes(one, other))
  return all.map(([id]) => id)
}

/** Whether the task is between two attempts. */
export function isRetrying (record: string | undefined): boolean {
  try {
    return JSON.parse(record!).status === 'retrying'
  } catch {
    return false
  }
}
