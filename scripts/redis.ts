// Starts a private Redis server for tests, benches and the demo, by lib/dev. Tests can kill, pause and restart it.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findRedis, packageFolder } from '../lib/dev/redis-binary.ts'
import { endRedis, launchRedis, type RedisServer, type ServerSetup } from '../lib/dev/redis-server.ts'

export { findRedis } from '../lib/dev/redis-binary.ts'
export type { RedisBinary } from '../lib/dev/redis-binary.ts'

export interface RedisOptions {
  /** Default: a free port. */
  port?: number
  /** Whether to listen on a Unix socket too. Default: false. */
  unixSocket?: boolean
  /** The server's folder, which is kept at stop. Default: a temporary folder, which is removed at stop. */
  dir?: string
  /** Whether to write every change to disk before it is answered. Default: false. */
  aof?: boolean
  /** More arguments for the server, such as `['--maxmemory', '64mb']`. */
  config?: string[]
  password?: string
}

export interface RunningRedis {
  readonly url: string
  readonly port: number
  /** The path of the Unix socket, if the option unixSocket is set. */
  readonly socket: string | undefined
  readonly dir: string
  /** The pid of the server. It changes at a restart. */
  readonly pid: number
  stop (): Promise<void>
  kill (): Promise<void>
  /** Starts the server again with the same port and folder. Stops it first if it is running. */
  restart (): Promise<void>
  pause (): void
  resume (): void
}

const socketPathLimit = 104

/** The folder of this project, even if this file runs from a build folder. */
export const projectRoot = (): string => packageFolder(import.meta.dirname)!

export async function startRedis (options: RedisOptions = {}): Promise<RunningRedis> {
  const binary = await findRedis()
  const dir = await makeDir(options.dir)
  try {
    const socket = options.unixSocket ? socketIn(dir) : undefined
    const args = serverArgs(options, socket)
    const setup = { binary, dir, temporary: !options.dir, args, password: options.password }
    return controls(setup, socket, await launchRedis(setup, options.port))
  } catch (error) {
    await removeOwn(dir, !options.dir)
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
  if (!dir) return await mkdtemp(join(tmpdir(), 'fastify-tasks-redis-'))
  await mkdir(dir, { recursive: true })
  return resolve(dir)
}

async function removeOwn (dir: string, temporary: boolean): Promise<void> {
  if (temporary) await rm(dir, { recursive: true, force: true })
}

function socketIn (dir: string): string {
  const path = join(dir, 's')
  if (path.length < socketPathLimit) return path
  throw new Error(`the Unix socket's path ${path} is longer than ${socketPathLimit} characters: pass a shorter dir`)
}
