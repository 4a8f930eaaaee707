/**
 * The Redis of `fastify-tasks dev`: in memory, with a temporary folder. It ends with the process that started it.
 */
import { rm } from 'node:fs/promises'
import * as errors from '../errors.ts'
import { makeTemporaryFolder } from './private-folder.ts'
import { requireServerOnPath } from './redis-binary.ts'
import { endRedis, hasExited, launchRedis, type RedisServer } from './redis-server.ts'

export interface PrivateRedis {
  readonly url: string
  readonly pid: number
  /** It does not run any more, whatever ended it. */
  readonly hasExited: boolean
  /** Stops the server and removes its data. */
  stop (): Promise<void>
}

/** Throws FST_TASKS_NO_REDIS_SERVER. */
export async function startPrivateRedis (): Promise<PrivateRedis> {
  const binary = await requireServerOnPath()
  const dir = await makeTemporaryFolder('fastify-tasks-redis').catch(error => { throw noServer(error) })
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true })
  let server: RedisServer
  try {
    server = await launchRedis({ binary, dir, temporary: true, args: ['--appendonly', 'no'] })
  } catch (error) {
    await remove()
    throw noServer(error as Error)
  }
  return {
    url: `redis://127.0.0.1:${server.port}`,
    pid: server.pid,
    get hasExited () { return hasExited(server) },
    async stop () {
      await endRedis(server, 'SIGTERM')
      await remove()
    }
  }
}

const noServer = (error: Error): Error => new errors.NoRedisServer(error.message, { cause: error })
