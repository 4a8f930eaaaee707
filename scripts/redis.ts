// A private Redis server for tests, benches and the demo: starts it as `fastify-tasks dev` does, and does to it what
// tests need. On a Debian machine without Redis it is downloaded.
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { makeTemporaryFolder } from '../lib/dev/private-folder.ts'
import { findServerOnPath, type RedisBinary } from '../lib/dev/redis-binary.ts'
import { endRedis, launchRedis, type RedisServer, type ServerSetup } from '../lib/dev/redis-server.ts'
import { downloadRedis } from './redis-download.ts'

export type { RedisBinary } from '../lib/dev/redis-binary.ts'

export interface RedisOptions {
  /** Default: a free one. */
  port?: number
  /** Listens on a Unix socket too. Default: false. */
  unixSocket?: boolean
  /** Kept at stop. Default: a temporary folder, removed at stop. */
  dir?: string
  /** Writes every change to disk before it is answered. Default: false. */
  aof?: boolean
  /** More arguments for the server, such as `['--maxmemory', '64mb']`. */
  config?: string[]
  password?: string
  /** More environment variables for the server. */
  env?: Record<string, string>
}

export interface RunningRedis {
  readonly url: string
  readonly port: number
  /** The path of the Unix socket, if one was asked for. */
  readonly socket: string | undefined
  readonly dir: string
  /** The pid of the server. A restart changes it. */
  readonly pid: number
  stop (): Promise<void>
  kill (): Promise<void>
  /** Starts the server again on the same port and folder. Stops it first if it is running. */
  restart (): Promise<void>
  pause (): void
  resume (): void
}

const MAX_SOCKET_PATH = 104

/** The folder of this project, wherever this file was compiled to. */
export const projectRoot = (from = import.meta.dirname): string =>
  existsSync(join(from, 'package.json')) ? from : projectRoot(dirname(from))

let downloaded: Promise<RedisBinary> | undefined

/** The server on PATH, or the one that was downloaded into this project. Throws FST_TASKS_NO_REDIS_SERVER. */
export async function findRedis (): Promise<RedisBinary> {
  const server = await findServerOnPath()
  if (server) return server
  const folder = join(projectRoot(), 'node_modules', '.cache', 'fastify-tasks-redis')
  downloaded ??= downloadRedis(folder).catch(error => {
    downloaded = undefined
    throw error
  })
  return await downloaded
}

export async function startRedis (options: RedisOptions = {}): Promise<RunningRedis> {
  const binary = await findRedis()
  const dir = await makeDir(options.dir)
  const temporary = !options.dir
  try {
    const socket = options.unixSocket ? socketIn(dir) : undefined
    const withEnv = { ...binary, env: { ...binary.env, ...options.env } }
    const setup = { binary: withEnv, dir, temporary, args: serverArgs(options, socket), password: options.password }
    return controls(setup, socket, await launchRedis(setup, options.port))
  } catch (error) {
    await removeOwn(dir, temporary)
    throw error
  }
}

function controls (setup: ServerSetup, socket: string | undefined, server: RedisServer): RunningRedis {
  const { dir, temporary, password } = setup
  const { port } = server
  return {
    url: urlOf(port, password),
    port,
    socket,
    dir,
    get pid () { return server.pid },
    pause: () => { server.child.kill('SIGSTOP') },
    resume: () => { server.child.kill('SIGCONT') },
    kill: () => endRedis(server, 'SIGKILL'),
    async stop () {
      await endRedis(server, 'SIGTERM')
      await removeOwn(dir, temporary)
    },
    async restart () {
      await endRedis(server, 'SIGTERM')
      server = await launchRedis(setup, port)
    }
  }
}

const serverArgs = ({ aof, config }: RedisOptions, socket: string | undefined): string[] => [
  ...(aof ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
  ...(socket ? ['--unixsocket', socket] : []),
  ...(config ?? [])
]

function urlOf (port: number, password = ''): string {
  return `redis://${password && `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`
}

async function makeDir (dir?: string): Promise<string> {
  if (!dir) return await makeTemporaryFolder('fastify-tasks-redis')
  await mkdir(dir, { recursive: true })
  return resolve(dir)
}

async function removeOwn (dir: string, temporary: boolean): Promise<void> {
  if (temporary) await rm(dir, { recursive: true, force: true })
}

function socketIn (dir: string): string {
  const path = join(dir, 's')
  if (path.length < MAX_SOCKET_PATH) return path
  throw new Error(`the path of a Unix socket has at most ${MAX_SOCKET_PATH} characters: pass a shorter dir than ${dir}`)
}
