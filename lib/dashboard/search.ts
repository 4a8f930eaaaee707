/**
 * Finds tasks, within a budget for each request: a queue may hold a million.
 */
import { uptime } from '../timers.ts'
import type { BriefRecord, PluginInstance } from '../boot/app-registry.ts'
import type { ListOptions, TaskState } from '../types.ts'

/** Tasks on a page. */
export const LIMIT = 50
/** So many tasks are read in one step. */
const STEP = 200
const MAX_LOOKED_AT = 20_000
const MAX_MS = 300
/** As soon as there is something to show: records may be large. */
const ENOUGH_MS = 50

/** Empty: any, if there is a tag. */
export type SearchState = TaskState | ''

export interface Search {
  states: readonly SearchState[]
  tag?: string | undefined
  queue?: string | undefined
  name?: string | undefined
  /** Null: all of them. */
  matches: ((record: BriefRecord) => boolean) | null
  /** Where the search before ended. */
  cursor?: string | undefined
}

export interface SearchPage {
  tasks: BriefRecord[]
  /** How many were read. */
  lookedAt: number
  /** Null at the end. */
  cursor: string | null
}

interface Position { state: SearchState, cursor: string | undefined }

/** A cursor is that of a list with the state in front. */
function positionOf ({ states, cursor }: Search): Position {
  const [state = '', rest = ''] = cursor?.split('~') ?? []
  const known = cursor === undefined ? undefined : states.find(one => one === state)
  return known === undefined
    ? { state: states[0]!, cursor: undefined }
    : { state: known, cursor: rest === '' ? undefined : rest }
}

function after (states: readonly SearchState[], state: SearchState, cursor: string | null): Position | null {
  if (cursor !== null) return { state, cursor }
  const next = states[states.indexOf(state) + 1]
  return next === undefined ? null : { state: next, cursor: undefined }
}

const definedOnly = (values: Record<string, string | undefined>): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** A page that is not empty, unless there is nothing more or the budget is spent. @throws FST_TASKS_CURSOR_INVALID */
export async function search (
  instance: Pick<PluginInstance, 'listBriefs'>, wanted: Search
): Promise<SearchPage> {
  const { states, tag, queue, name, matches } = wanted
  const given = definedOnly({ tag, queue, name })
  const start = uptime()
  const limit = matches || name ? STEP : LIMIT
  const found: BriefRecord[] = []
  let lookedAt = 0
  for (let place: Position | null = positionOf(wanted); ;) {
    const { state, cursor } = place
    const options = { limit, ...given, ...(state && { state }), ...(cursor && { cursor }) }
    const page = await instance.listBriefs(options as ListOptions)
    found.push(...page.tasks.filter(task => !matches || matches(task)))
    lookedAt += page.lookedAt
    place = after(states, state, page.cursor)
    const isLate = uptime() - start >= (found.length > 0 ? ENOUGH_MS : MAX_MS)
    const isOver = found.length >= (limit === STEP ? 1 : LIMIT) || lookedAt >= MAX_LOOKED_AT || isLate
    if (!place || isOver) return { tasks: found, lookedAt, cursor: place && `${place.state}~${place.cursor ?? ''}` }
  }
}

/** By the start of its id, and by a part of its name, of a tag, or of its error. */
export function matcher (words: string): (record: BriefRecord) => boolean {
  const wanted = words.toLowerCase()
  const has = (text: string | null | undefined): boolean => text?.toLowerCase().includes(wanted) ?? false
  return ({ id, name, error, tags }) =>
    id.toLowerCase().startsWith(wanted) || has(name) || tags.some(has) || has(error?.message) || has(error?.code)
}
