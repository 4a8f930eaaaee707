/**
 * Finds a Redis server to start: redis-server or valkey-server on the PATH.
 */
import { constants, statSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import * as errors from '../errors.ts'
import { isSafe } from './private-folder.ts'

export interface RedisBinary {
  path: string
  /** Environment variables that the server needs, beside those of this process. */
  env: Record<string, string>
}

const SERVERS = ['redis-server', 'valkey-server']

/** Throws FST_TASKS_NO_REDIS_SERVER, with a command that gets one on this machine. */
export async function requireServerOnPath (): Promise<RedisBinary> {
  const server = await findServerOnPath()
  if (server) return server
  const command = installCommand(process.platform, await findOnPath('apt-get') !== null)
  const reason = 'there is no redis-server or valkey-server on PATH'
  throw new errors.NoRedisServer(`${reason}. Get one with "${command}", or set REDIS_URL to a running one`)
}

/** Null if there is none. */
export async function findServerOnPath (): Promise<RedisBinary | null> {
  for (const name of SERVERS) {
    const path = await findOnPath(name)
    if (path) return { path, env: {} }
  }
  return null
}

/** The command that gets a Redis server, for an error. */
export function installCommand (platform: NodeJS.Platform, hasAptGet: boolean): string {
  if (platform === 'darwin') return 'brew install redis'
  return hasAptGet ? 'apt-get install redis-server' : 'docker run -p 6379:6379 redis'
}

/**
 * The path of a program. Null if there is none. Skipped are entries of PATH that begin at the current folder, and
 * programs that another user of the machine may have put there.
 */
export async function findOnPath (name: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name)
    if (isAbsolute(folder) && await isExecutable(path) && isSafe(path)) return path
  }
  return null
}

export async function isExecutable (path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
