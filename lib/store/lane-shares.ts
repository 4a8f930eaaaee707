/**
 * What both stores know about the shares of lanes.
 */
interface Waiting { waiting: number }

/** The most waiting first. */
export const byWaiting = (one: Waiting, other: Waiting): number => other.waiting - one.waiting

/** How many tasks the workers can run, by their reports, as JSON. Anybody may have written them. */
export function capacityOf (reports: string[]): number {
  return reports.reduce((sum, json) => sum + Number(/"concurrency":(\d{1,6})[,}]/.exec(json)?.[1] ?? 0), 0)
}
