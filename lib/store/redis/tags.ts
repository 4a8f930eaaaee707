/**
 * The index of tags of one queue in Redis. A call that stores or removes tasks with tags runs its script inside of
 * another one, which keeps the index in the same step. Calls about tasks without tags know nothing of it.
 */
import { scripts, type ScriptName } from './lua.generated.ts'
import { makeScript, script, type Script, type ScriptArgument } from './run-script.ts'
import { tagTime, type Tags } from '../../records/tags.ts'
import type { QueueKeys } from './keys.ts'
import type { NewJob } from '../contract.ts'

/** A script, its keys and its arguments. */
type ScriptCall = [script: Script, keys: string[], args: ScriptArgument[]]

/** Id and entry in the index, "" for a task that is about to go, of each task with tags that a call is about. */
export type TagEntries = string[]

const wrapped = new Map<ScriptName, Script>()

/** The script inside of with-tags.lua. */
function withTags (name: ScriptName): Script {
  let found = wrapped.get(name)
  if (!found) {
    found = makeScript(scripts['with-tags'].replace('return SCRIPT', () => scripts[name]))
    wrapped.set(name, found)
  }
  return found
}

/** The call itself if it is about no task with tags. */
export function tagged (
  keys: QueueKeys, name: ScriptName, scriptKeys: string[], args: ScriptArgument[], entries: TagEntries
): ScriptCall {
  if (entries.length === 0) return [script(name), scriptKeys, args]
  return [withTags(name), [...keys.of('with-tags'), ...scriptKeys], [entries.length / 2, ...entries, ...args]]
}

/** Of a task that is stored. */
export const entryOf = (id: string, { at, names }: Tags): TagEntries => [id, [tagTime(at), ...names].join(' ')]

/** Of all tasks, if one has tags: of those with the same id the first is stored, and that may have none. */
export const entriesOf = (jobs: NewJob[]): TagEntries =>
  jobs.some(job => job.tags) ? jobs.flatMap(({ id, tags }) => tags ? entryOf(id, tags) : [id, '']) : []
