/**
 * `fastify-tasks schedules [list | pause | resume | trigger | next] [ID]`
 */
import * as errors from '../../errors.ts'
import { EXIT, printError } from '../exit.ts'
import { paint, print, printErr, printJson, printOutcome, printTable } from '../output.ts'
import { span, whenOf } from '../../schedules/in-words.ts'
import { ago, oneLine, toJsonLine } from '../text.ts'
import type { TaskConnection } from '../connect.ts'
import type { FastifyTasks, ScheduleRecord } from '../../types.ts'

export const ACTIONS = ['list', 'pause', 'resume', 'trigger', 'next'] as const
export type ScheduleAction = typeof ACTIONS[number]

interface JsonFlags { json?: boolean }

export interface ScheduleFlags extends JsonFlags { limit: number, cursor?: string }

/** Returns the exit code. */
export async function schedules (
  connection: TaskConnection, action: ScheduleAction, id: string | undefined, flags: ScheduleFlags
): Promise<number> {
  const { tasks } = connection.only()
  if (action === 'list') return await list(tasks, flags)
  if (id === undefined) {
    printErr(`fastify-tasks: Give the id of a schedule: fastify-tasks schedules ${action} ID`)
    return EXIT.failed
  }
  const schedule = await tasks.schedules.get(id)
  if (!schedule) {
    if (flags.json) printJson(null)
    printError(new errors.ScheduleNotFound(id))
    return EXIT.unknown
  }
  return action === 'next' ? next(schedule, flags) : await change(tasks, action, id, flags)
}

async function list (tasks: FastifyTasks, { json, limit, cursor: from }: ScheduleFlags): Promise<number> {
  const page = await tasks.schedules.list({ limit, ...from !== undefined && { cursor: from } })
  const { cursor } = page
  const schedules = page.schedules.map(schedule => ({ ...schedule, when: whenOf(schedule) }))
  if (json) printJson({ schedules, cursor })
  else if (schedules.length === 0) printErr('No schedules')
  else printTable(TITLES, schedules.map(row))
  if (!json && cursor !== null) printErr(`There are more: --cursor ${toJsonLine(cursor)}`)
  return EXIT.done
}

const TITLES = ['ID', 'TASK', 'QUEUE', 'WHEN', 'ZONE', 'STATE', 'NEXT', 'LAST', 'OUTCOME', 'FIRED', 'SKIPPED', 'MISSED']

function row (schedule: ScheduleRecord & { when: string }): Array<string | ReturnType<typeof paint>> {
  const { id, task, queue, when, timezone, next, last, fired, skipped, missed } = schedule
  const state = last?.state
  return [
    oneLine(id), oneLine(task), queue, oneLine(when), timezone, stateOf(schedule),
    next[0] === undefined ? '-' : `in ${span(Date.parse(next[0]) - Date.now())}`,
    last ? `${ago(last.plannedAt)} ago` : '-', state ? paint(state) : '-',
    String(fired), String(skipped), String(missed)
  ]
}

function stateOf ({ paused, orphan, next, held }: ScheduleRecord): string {
  if (paused) return 'paused'
  if (orphan) return 'orphan'
  if (held) return 'held'
  return next.length === 0 ? 'over' : 'planned'
}

function next ({ id, next }: ScheduleRecord, { json }: JsonFlags): number {
  if (json) printJson({ id, next })
  else if (next.length === 0) printErr('No run is planned')
  else print(next.join('\n'))
  return EXIT.done
}

async function change (
  { schedules }: FastifyTasks, action: 'pause' | 'resume' | 'trigger', id: string, { json }: JsonFlags
): Promise<number> {
  if (action === 'trigger') {
    const { id: taskId } = await schedules.trigger(id)
    printOutcome(json, { id, outcome: 'triggered', taskId })
  } else {
    await schedules[action](id)
    printOutcome(json, { id, outcome: `${action}d` })
  }
  return EXIT.done
}
