/**
 * Finds tasks, within a budget for each request: a queue may hold a million.
 */
import { uptime } from '../timers.ts'
import type { BriefFilter, BriefRecord, PluginInstance } from '../boot/app-registry.ts'
import type { ListOptions, TaskState } from '../types.ts'

/** Tasks on a page. */
export const LIMIT = 50
/** Redis needs 1 µs for each, this process 3. */
const MAX_LOOKED_AT = 3_000
const MAX_MS = 300
/** As soon as there is something to show. */
const ENOUGH_MS = 50

/** Empty: any, if there is a tag. */
export type SearchState = TaskState | ''

export interface Search {
  states: readonly SearchState[]
  tag?: string | undefined
  queue?: string | undefined
  name?: string | undefined
  /** Null: all of them. */
  filter: Matcher | null
  /** Where the search before ended. */
  cursor?: string | undefined
}

/** Which tasks are shown. */
export type Matcher = Omit<BriefFilter, 'most'>

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

const optionsOf = ({ tag, queue, name }: Search, { state, cursor }: Position, limit: number): ListOptions =>
  ({ limit, ...definedOnly({ tag, queue, name, state: state || undefined, cursor }) }) as ListOptions

/** The place, or the first one behind it that has something, or may have: it looks at so many tasks at most. */
async function firstWithAny (
  instance: Pick<PluginInstance, 'listBriefs'>, wanted: Search, place: Position | null, most: number
): Promise<Position | null> {
  for (let [next, left] = [place, most]; next; next = after(wanted.states, next.state, null)) {
    if (left <= 0) return next
    const filter = wanted.filter ? { ...wanted.filter, most: left } : undefined
    const { tasks, lookedAt, cursor } = await instance.listBriefs(optionsOf(wanted, next, 1), filter)
    if (tasks.length > 0 || cursor !== null) return next
    left -= lookedAt
  }
  return null
}

const definedOnly = (values: Record<string, string | undefined>): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** A page that is not empty, unless there is nothing more or the budget is spent. @throws FST_TASKS_CURSOR_INVALID */
export async function search (
  instance: Pick<PluginInstance, 'listBriefs'>, wanted: Search
): Promise<SearchPage> {
  const { states, name, filter } = wanted
  const start = uptime()
  const found: BriefRecord[] = []
  let lookedAt = 0
  for (let place: Position | null = positionOf(wanted); ;) {
    const { state } = place
    const options = optionsOf(wanted, place, LIMIT - found.length)
    const page = await instance.listBriefs(options, filter ? { ...filter, most: MAX_LOOKED_AT - lookedAt } : undefined)
    found.push(...page.tasks)
    lookedAt += page.lookedAt
    // A search ends a page before the end of a state only if it is full, or has cost enough.
    const isCut = (filter !== null || name !== undefined) && page.cursor !== null
    place = after(states, state, page.cursor)
    const isLate = uptime() - start >= (found.length > 0 ? ENOUGH_MS : MAX_MS)
    const isFull = found.length >= LIMIT
    if (isFull && page.cursor === null) place = await firstWithAny(instance, wanted, place, MAX_LOOKED_AT - lookedAt)
    const isOver = isCut || isFull || lookedAt >= MAX_LOOKED_AT || isLate
    if (!place || isOver) return { tasks: found, lookedAt, cursor: place && `${place.state}~${place.cursor ?? ''}` }
  }
}

/** All that is not seen in the text of a record: letters as numbers, and the two forms of a small sigma. */
const UNSEEN = /\\[u/]/
const SIGMA = /[σς]/

/** By the start of its id, and by a part of its name, of a tag, or of its error. */
export function matcher (words: string): Matcher {
  const wanted = words.toLowerCase()
  const inJson = SIGMA.test(wanted) ? '' : JSON.stringify(wanted).slice(1, -1)
  const has = (text: string | null | undefined): boolean => text?.toLowerCase().includes(wanted) ?? false
  const isStart = (id: string): boolean => id.toLowerCase().startsWith(wanted)
  return {
    mayMatch: (text, id) => text.toLowerCase().includes(inJson) || isStart(id) || UNSEEN.test(text),
    matches: ({ id, name, error, tags }) =>
      isStart(id) || has(name) || tags.some(has) || has(error?.message) || has(error?.code),
    isLikely: has
  }
}
