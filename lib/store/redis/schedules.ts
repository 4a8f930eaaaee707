/**
 * Schedules in Redis: those of one queue, and the key that says in which queue each of them is.
 */
import { levelArgument } from './lanes.ts'
import { runQueueScript, runScript, script, type ScriptArgument } from './run-script.ts'
import { entryOf, withExtras } from './extras.ts'
import { QueueKeys, schedulesKey, type QueueScript } from './keys.ts'
import { readScheduleState } from '../schedule-state.ts'
import type { RedisClient } from './connection.ts'
import type {
  NewSchedule, PassedTicks, QueueSchedules, ScheduleChange, SchedulePlace, SchedulePlaces, ScheduleState,
  SetReply, StoredSchedule, Tick, TickReply
} from '../schedule-contract.ts'

const passedArguments = (passed: PassedTicks | null): ScriptArgument[] =>
  [passed?.count ?? 0, passed?.last ?? '', passed?.every ?? '']

/** Bounds the reply of one call. */
const PLACES = 500

/** A reply of read-schedules.lua. */
type SchedulePage = [now: number, cursor: string, left: string[], ...schedules: string[]]

export class RedisSchedules implements QueueSchedules {
  readonly #client: RedisClient
  readonly #keys: QueueKeys

  constructor (client: RedisClient, keys: QueueKeys) {
    this.#client = client
    this.#keys = keys
  }

  #run (name: QueueScript, args: ScriptArgument[]): Promise<any> {
    return runQueueScript(this.#client, this.#keys, name, args)
  }

  set (schedule: NewSchedule): Promise<SetReply> {
    const { id, epoch, hash, declared, spec, next, maxRuns, grace, brought, onlyNew } = schedule
    const { expected, generation, passed, taskQueue } = schedule
    return this.#run('set-schedule', [
      id, epoch, hash, declared ? 1 : 0, spec, next?.planned ?? '', next?.due ?? '', maxRuns ?? '', grace,
      brought ?? '', this.#keys.earlierDelayed, onlyNew ? 1 : 0, expected ?? '', taskQueue ?? '',
      ...passedArguments(passed), generation
    ])
  }

  async change (id: string, change: ScheduleChange): Promise<string | null> {
    return await this.#run('change-schedule', [id, change.action, ...this.#detailsOf(change)]) || null
  }

  #detailsOf (change: ScheduleChange): ScriptArgument[] {
    switch (change.action) {
      case 'see': return [change.hash]
      case 'put off': return [change.spec]
      case 'remove':
      case 'leave': return [change.epoch]
      case 'resume': {
        const { next, generation } = change
        return [next?.planned ?? '', next?.due ?? '', this.#keys.earlierDelayed, generation]
      }
      case 'pause': return [change.expected ?? '', ...passedArguments(change.passed), change.generation]
      default: return change satisfies never
    }
  }

  async read (which: 'all' | 'due' | string[]): Promise<{ now: number, schedules: StoredSchedule[] }> {
    const calls: ScriptArgument[][] = [Array.isArray(which) ? ['ids', ...which] : [which, 0]]
    const found = new Map<string, StoredSchedule>() // while pages are read, a schedule may come twice
    let first: number | undefined
    for (let args = calls.pop(); args; args = calls.pop()) {
      const [now, cursor, rest, ...page]: SchedulePage = await this.#run('read-schedules', args)
      first ??= now
      if (cursor !== '0') calls.push(['all', cursor])
      if (rest.length > 0) calls.push(['ids', ...rest])
      for (let i = 0; i < page.length; i += 3) {
        const [id, spec, text] = page.slice(i, i + 3) as [string, string, string]
        const state = readScheduleState(text) ?? (which === 'due' ? {} as ScheduleState : null)
        if (state) found.set(id, { id, spec, state })
      }
    }
    return { now: first!, schedules: [...found.values()] }
  }

  async runsIn (queue: string, task: string): Promise<boolean> {
    const keys = new QueueKeys(this.#keys.appPrefix, queue)
    return await runQueueScript(this.#client, keys, 'is-unfinished', [task]) === 1
  }

  tick (tick: Tick): Promise<TickReply> {
    const { id, generation, mode, expected, fire, missed, mark, next, taskId, text, delay, overlap } = tick
    const args = [
      id, generation, mode, expected, fire ?? '', missed, next?.planned ?? '', next?.due ?? '', taskId, text,
      delay ?? '', overlap, this.#keys.earlierDelayed, mark, tick.runsElsewhere ? 1 : 0, tick.lane ?? '',
      levelArgument(tick.level)
    ]
    const entries = tick.tags ? entryOf(taskId, tick.tags) : []
    return runScript(this.#client, ...withExtras(this.#keys, 'tick', this.#keys.of('tick'), args, entries))
  }
}

export class RedisSchedulePlaces implements SchedulePlaces {
  readonly #client: RedisClient
  readonly #key: string

  constructor (client: RedisClient, prefix: string) {
    this.#client = client
    this.#key = schedulesKey(prefix)
  }

  #run (id: string, action: string, argument: string | number): Promise<string> {
    return runScript(this.#client, script('place-schedule'), [this.#key], [id, action, argument])
  }

  async place (id: string, queue: string): Promise<SchedulePlace> {
    return toPlace(await this.#run(id, 'place', queue))
  }

  async settle (id: string, epoch: number): Promise<void> { await this.#run(id, 'settle', epoch) }
  async forget (id: string, epoch: number): Promise<void> { await this.#run(id, 'forget', epoch) }

  async find (id: string): Promise<SchedulePlace | null> {
    const entry = await this.#client.hget(this.#key, id)
    return entry === null ? null : toPlace(entry)
  }

  async page (cursor: string): Promise<{ cursor: string, places: Map<string, SchedulePlace> }> {
    const [next, flat] = await this.#client.hscan(this.#key, cursor, 'COUNT', PLACES)
    const places = new Map<string, SchedulePlace>()
    for (let i = 0; i < flat.length; i += 2) places.set(flat[i]!, toPlace(flat[i + 1]!))
    return { cursor: next, places }
  }
}

/** An entry of place-schedule.lua. */
function toPlace (entry: string): SchedulePlace {
  const [epoch, queue, ...leaves] = entry.split(' ')
  return { epoch: Number(epoch), queue: queue!, leaves }
}
