/**
 * Runs the Lua scripts, each of which is one transition. A Redis that was restarted has forgotten all scripts: then a
 * call falls back from EVALSHA to EVAL.
 */
import { createHash } from 'node:crypto'
import { scripts, type ScriptName } from './lua.generated.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys, QueueScript } from './keys.ts'

export interface Script {
  readonly text: string
  readonly sha: string
}

export type ScriptArgument = string | number | Buffer

export function makeScript (text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

const known = new Map<ScriptName, Script>()

/** One of our own scripts. It is hashed at its first use. */
export function script (name: ScriptName): Script {
  let found = known.get(name)
  if (!found) known.set(name, found = makeScript(scripts[name]))
  return found
}

let joined: Script | null = null

/** settle.lua and claim.lua in one script. */
export function settleAndClaim (): Script {
  const { settle, claim, 'settle-and-claim': both } = scripts
  joined ??= makeScript(both.replace('return SETTLE', () => settle).replace('return CLAIM', () => claim))
  return joined
}

export const isMissingScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT')

/**
 * Runs a script atomically, and gets its texts as Buffers: a text that is not UTF-8 can be sent back as it is.
 * ioredis has no types for these two methods.
 * @param read decodes the reply. In the same step: callers that poll notice each further promise.
 */
export function runScriptForBuffers<T> (
  client: RedisClient, { sha, text }: Script, keys: string[], args: ScriptArgument[], read: (reply: any) => T
): Promise<T> {
  const { evalshaBuffer, evalBuffer } = client as any
  return evalshaBuffer.call(client, sha, keys.length, ...keys, ...args).then(read, (error: unknown) => {
    if (!isMissingScript(error)) throw error
    return evalBuffer.call(client, text, keys.length, ...keys, ...args).then(read)
  })
}

/** Runs a script atomically. Rejects as ioredis does. */
export async function runScript (
  client: RedisClient, { sha, text }: Script, keys: string[], args: ScriptArgument[]
): Promise<any> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!isMissingScript(error)) throw error
    return client.eval(text, keys.length, ...keys, ...args)
  }
}

/** Runs a script on the keys of a queue. */
export function runQueueScript (
  client: RedisClient, keys: QueueKeys, name: QueueScript, args: ScriptArgument[]
): Promise<any> {
  return runScript(client, script(name), keys.of(name), args)
}
