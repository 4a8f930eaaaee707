/**
 * When a schedule is due, for people.
 */
import cronstrue from 'cronstrue'
import type { ScheduleRecord } from '../types.ts'

export function whenOf ({ cron, every }: ScheduleRecord): string {
  if (cron === null && every === null) return 'Never: its definition is unreadable'
  if (cron === null) return `Every ${every! % 1_000 === 0 ? span(every!) : `${every} ms`}`
  try {
    return cronstrue.toString(cron, { use24HourTimeFormat: true })
  } catch {
    return cron
  }
}

/** A length of time (ms), in its largest unit. */
export function span (ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}
