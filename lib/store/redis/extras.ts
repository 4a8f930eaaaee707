/**
 * What is stored of a task beside its record and its state, in Redis: tags and log. A call that stores or removes such
 * tasks runs its script inside of another one, which keeps that in the same step. Other calls know nothing of it.
 */
import { scripts, type ScriptName } from './lua.generated.ts'
import { makeScript, script, type Script, type ScriptArgument } from './run-script.ts'
import { tagTime, type Tags } from '../../records/tags.ts'
import type { QueueKeys } from './keys.ts'
import type { NewJob } from '../contract.ts'

/** A script, its keys and its arguments. */
type ScriptCall = [script: Script, keys: string[], args: ScriptArgument[]]

/** Of each task with tags, or a log, that a call is about: its id, and its entry in the index of tags, or "". */
export type ExtraEntries = string[]

const wrapped = new Map<ScriptName, Script>()

/** The script inside of with-extras.lua. */
function wrap (name: ScriptName): Script {
  let found = wrapped.get(name)
  if (!found) {
    found = makeScript(scripts['with-extras'].replace('return SCRIPT', () => scripts[name]))
    wrapped.set(name, found)
  }
  return found
}

/** The call itself if it is about no such task. */
export function withExtras (
  keys: QueueKeys, name: ScriptName, scriptKeys: string[], args: ScriptArgument[], entries: ExtraEntries
): ScriptCall {
  if (entries.length === 0) return [script(name), scriptKeys, args]
  return [wrap(name), [...keys.of('with-extras'), ...scriptKeys], [entries.length / 2, ...entries, ...args]]
}

/** Of a task that is stored. */
export const entryOf = (id: string, { at, names }: Tags): ExtraEntries => [id, [tagTime(at), ...names].join(' ')]

/** All jobs of a call, if one has tags: two may have the same id, and the first of them is stored. */
export const entriesOf = (jobs: NewJob[]): ExtraEntries =>
  jobs.some(job => job.tags) ? jobs.flatMap(({ id, tags }) => tags ? entryOf(id, tags) : [id, '']) : []
