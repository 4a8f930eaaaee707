/**
 * Layer 1: the Lua scripts, one transition each, and how they are run. A Redis that was restarted has forgotten every
 * script: each call falls back from EVALSHA to EVAL by itself.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RedisClient } from './connection.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

export type ScriptName = 'add' | 'expire-foreign' | 'heartbeat' | 'cancel' | 'claim' | 'counts' | 'agree-stall-interval' | 'page' | 'purge' | 'prune' | 'recover' |
  'release' | 'remove' | 'renew' | 'retry' | 'settle' | 'read-task' | 'update-progress' | 'watch' | 'workers'

export type ScriptArgument = string | number | Buffer

export function makeScript (text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

const loaded = new Map<ScriptName, Script>()

/** One of our own scripts, read from its file the first time. */
export function script (name: ScriptName): Script {
  let found = loaded.get(name)
  if (!found) {
    found = makeScript(readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8'))
    loaded.set(name, found)
  }
  return found
}

export const isMissingScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

/**
 * As runScript, with Buffers for texts: what is not UTF-8 can be sent back as it is. ioredis' types lack both.
 * @param read what becomes of the reply: in the same step, since each promise more is felt by those who poll
 */
export function runScriptForBuffers<T> (client: RedisClient, script: Script, keys: string[], args: ScriptArgument[], read: (reply: any) => T): Promise<T> {
  return (client as any).evalshaBuffer(script.sha, keys.length, ...keys, ...args).then(read, (error: unknown) => {
    if (!isMissingScript(error)) throw error
    return (client as any).evalBuffer(script.text, keys.length, ...keys, ...args).then(read)
  })
}

/** Runs a script atomically. Rejects as ioredis does. */
export async function runScript (client: RedisClient, script: Script, keys: string[], args: ScriptArgument[]): Promise<any> {
  try {
    return await client.evalsha(script.sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!isMissingScript(error)) throw error
    return client.eval(script.text, keys.length, ...keys, ...args)
  }
}
