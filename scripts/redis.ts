// A private Redis server for tests, benches and the demo: what lib/dev starts, and what tests do to one.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findRedis, packageFolder } from '../lib/dev/redis-binary.ts'
import { endRedis, launchRedis, type RedisServer, type ServerSetup } from '../lib/dev/redis-server.ts'

export { findRedis } from '../lib/dev/redis-binary.ts'
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
}

export interface RunningRedis {
  readonly url: string
  readonly port: number
  /** The Unix socket's path, where one was asked for. */
  readonly socket: string | undefined
  readonly dir: string
  /** The server's own process, another one after a restart. */
  readonly pid: number
  stop (): Promise<void>
  kill (): Promise<void>
  /** Starts again on the same port and folder; stops the server first where it runs. */
  restart (): Promise<void>
  pause (): void
  resume (): void
}

const socketPathLimit = 104

/** The folder of this project, wherever it was compiled to. */
export const projectRoot = (): string => packageFolder(import.meta.dirname)!

export async function startRedis (options: RedisOptions = {}): Promise<RunningRedis> {
  const binary = await findRedis()
  const dir = await makeDir(options.dir)
  try {
    const socket = options.unixSocket ? socketIn(dir) : undefined
    const setup = { binary, dir, temporary: !options.dir, args: serverArgs(options, socket), password: options.password }
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
