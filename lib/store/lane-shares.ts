/**
 * What both stores know about the shares of lanes.
 */
import { NO_LIMIT, type LaneMax, type LaneRate } from './lane-contract.ts'

/** The limit and the rates of each lane, and of the common one. */
export interface LaneRules {
  max: number
  rates: LaneRate[]
  common: { max: number, rates: LaneRate[] } | null
}

/** Whether it is the lane of all tasks of a name. */
export const isCommonLane = (lane: string): boolean => !lane.includes(' ')

/** Whether its tasks have a key: else it ends with its first blank. A key may end with one, too. */
export const hasKey = (lane: string): boolean => lane.indexOf(' ') < lane.length - 1

/** The common lane of a lane: the name of its tasks. */
export const commonLaneOf = (lane: string): string => isCommonLane(lane) ? lane : lane.slice(0, lane.indexOf(' '))

/** Those of some lanes, each once. */
export const commonLanesOf = (lanes: Iterable<string>): Set<string> => new Set(Array.from(lanes, commonLaneOf))

export function toLaneRules (limit: LaneMax, all: LaneRate[]): LaneRules {
  const most = typeof limit === 'number' ? NO_LIMIT : limit.common
  const rates = all.filter(({ isCommon }) => !isCommon)
  const common = { max: most, rates: all.filter(({ isCommon }) => isCommon) }
  const hasCommon = most < NO_LIMIT || common.rates.length > 0
  return { max: typeof limit === 'number' ? limit : NO_LIMIT, rates, common: hasCommon ? common : null }
}

interface Waiting { waiting: number }

/** The most waiting first. */
export const byWaiting = (one: Waiting, other: Waiting): number => other.waiting - one.waiting

/** How many tasks the workers can run, by their reports, as JSON. Anybody may have written them. */
export function capacityOf (reports: string[]): number {
  return reports.reduce((sum, json) => sum + Number(/"concurrency":(\d{1,6})[,}]/.exec(json)?.[1] ?? 0), 0)
}
