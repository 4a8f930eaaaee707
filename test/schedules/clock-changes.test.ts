/**
 * Any fixed time of a day, around any change of the clocks: the calendar, whose search is croner's, is compared with a
 * count of minutes by Intl.
 */
import fc from 'fast-check'
import t from 'tap'
import { Calendar } from '../../lib/schedules/calendar.ts'

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]
const zones = [
  'Europe/Berlin', 'Europe/Dublin', 'America/New_York', 'America/Santiago', 'America/St_Johns', 'Africa/Cairo',
  'Asia/Beirut', 'Australia/Lord_Howe', 'Pacific/Auckland', 'Pacific/Chatham', 'Asia/Kolkata'
]

const formats = new Map(zones.map(timeZone => [timeZone, new Intl.DateTimeFormat('sv', {
  timeZone, dateStyle: 'short', timeStyle: 'short'
})]))

/** What the clocks of a zone show, as if they were in UTC. */
const wallOf = (time: number, zone: string): number =>
  Date.parse(`${formats.get(zone)!.format(time).replace(' ', 'T')}Z`)

/** The hours in which the clocks of a zone are changed, in two years. */
function changesOf (zone: string): number[] {
  const found: number[] = []
  for (let time = Date.UTC(2026, 0); time < Date.UTC(2028, 0); time += HOUR) {
    if (wallOf(time + HOUR, zone) - wallOf(time, zone) !== HOUR) found.push(time)
  }
  return found
}
const changes = new Map(zones.map(zone => [zone, changesOf(zone)]))

/** When the clocks first show this time. If they skip it: the first minute after it. */
function firstAt (wall: number, zone: string): number {
  let time = wall - 15 * HOUR // before it, whatever the zone
  while (wallOf(time + 3 * HOUR, zone) < wall) time += HOUR // not near it: the clocks may be set back by an hour
  while (wallOf(time, zone) < wall) time += MINUTE
  return time
}

t.test('a fixed time runs once each day: at its first minute, or at the end of what the clocks skip', async t => {
  const day = fc.tuple(
    fc.constantFrom(...zones), fc.nat({ max: 99 }), fc.integer({ min: -2, max: 2 }), fc.nat({ max: 23 }),
    fc.nat({ max: 59 }), fc.constantFrom<(hour: number) => string>(String, h => `${h}-${h}`, h => `${h},${h}`)
  )
  fc.assert(fc.property(day, ([zone, which, days, hour, minute, write]) => {
    const found = changes.get(zone)!
    const near = (found[which % Math.max(1, found.length)] ?? Date.UTC(2026, 5)) + days * DAY
    const midnight = Math.floor(wallOf(near, zone) / DAY) * DAY
    const walls = [0, 1, 2].map(i => midnight + i * DAY + hour * HOUR + minute * MINUTE)
    const expected = walls.map(wall => firstAt(wall, zone))
    const times = new Calendar({ cron: `${minute} ${write(hour)} * * *`, timezone: zone }).upcoming(expected[0]! - 1, 3)
    const text = (list: number[]): string => list.map(time => new Date(time).toISOString()).join()
    if (text(times) !== text(expected)) throw new Error(`${zone}: ${text(times)}, not ${text(expected)}`)
  }), { numRuns: 2_000 })
  t.ok(zones.filter(zone => changes.get(zone)!.length >= 4).length >= 9, 'most of the zones change their clocks')
})

t.test('fixed times of several hours: none comes twice when the clocks are set back', async t => {
  let back = 0
  for (const zone of zones) {
    for (const change of changes.get(zone)!.filter(time => wallOf(time + HOUR, zone) <= wallOf(time, zone))) {
      const hour = new Date(wallOf(change, zone)).getUTCHours()
      if (hour === 23) continue // into another day
      for (const cron of [`0 ${hour}-${hour + 1} * * *`, `30 ${hour},${hour + 1} * * *`]) {
        const times = new Calendar({ cron, timezone: zone }).upcoming(change - 3 * HOUR, 4)
        t.equal(new Set(times.map(time => wallOf(time, zone))).size, 4, `${cron} in ${zone}`)
        back++
      }
    }
  }
  t.ok(back >= 20, `${back}`)
})
