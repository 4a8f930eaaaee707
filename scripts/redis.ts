// A private Redis server on 127.0.0.1 that cannot outlive the process that started it.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findRedis } from './redis-binary.ts'
import type { RedisBinary } from './redis-binary.ts'

export { findRedis, projectRoot } from './redis-binary.ts'
export type { RedisBinary } from './redis-binary.ts'

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

interface Setup {
  binary: RedisBinary
  options: RedisOptions
  dir: string
  socket: string | undefined
}

interface Launched {
  child: ChildProcess
  pid: number
  port: number
  exited: Promise<unknown>
}

const startWithin = 10_000
const stopWithin = 5_000
const logName = 'redis.log'
const clashRetries = 10
const socketPathLimit = 104

// The shell becomes the server, so that the child's pid and exit are the server's own. Beside it, in the same process
// group, a watcher reads a pipe that ends with the parent, however that died; it then removes the temporary folder, if
// there is one, and kills the group. The group and no pid, because a pid may long be another process's.
const wrapper = `
(cat <&3 >/dev/null; [ -z "$1" ] || rm -rf -- "$1"; kill -9 0) &
shift
exec "$@" 3<&-`

export async function startRedis (options: RedisOptions = {}): Promise<RunningRedis> {
  const binary = await findRedis()
  const dir = await makeDir(options.dir)
  try {
    const setup = { binary, options, dir, socket: options.unixSocket ? socketIn(dir) : undefined }
    return controls(setup, await launch(setup, options.port))
  } catch (error) {
    await removeOwn(dir, options)
    throw error
  }
}

function controls (setup: Setup, server: Launched): RunningRedis {
  const { options, dir, socket } = setup
  const { port } = server
  return {
    url: urlOf(port, options.password),
    port,
    socket,
    dir,
    get pid () { return server.pid },
    pause: () => { server.child.kill('SIGSTOP') },
    resume: () => { server.child.kill('SIGCONT') },
    kill: () => end(server, 'SIGKILL'),
    async stop () {
      await end(server, 'SIGTERM')
      await removeOwn(dir, options)
    },
    async restart () {
      await end(server, 'SIGTERM')
      server = await launch(setup, port)
    }
  }
}

function urlOf (port: number, password = ''): string {
  return `redis://${password && `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`
}

async function makeDir (dir?: string): Promise<string> {
  if (!dir) return await mkdtemp(join(tmpdir(), 'fastify-tasks-redis-'))
  await mkdir(dir, { recursive: true })
  return resolve(dir)
}

async function removeOwn (dir: string, options: RedisOptions): Promise<void> {
  if (!options.dir) await rm(dir, { recursive: true, force: true })
}

function socketIn (dir: string): string {
  const path = join(dir, 's')
  if (path.length < socketPathLimit) return path
  throw new Error(`the Unix socket's path ${path} is longer than ${socketPathLimit} characters: pass a shorter dir`)
}

/** A free port may be taken again before the server has it: the only failure worth another attempt. */
async function launch (setup: Setup, port?: number): Promise<Launched> {
  for (let attempt = 1; ; attempt++) {
    const server = await spawnServer(setup, port ?? await freePort())
    try {
      await untilReady(server, setup)
      return server
    } catch (error) {
      await end(server, 'SIGKILL')
      if (attempt === clashRetries || !logOf(setup.dir).includes('Address already in use')) throw error
      await delay(20 * attempt)
    }
  }
}

async function spawnServer (setup: Setup, port: number): Promise<Launched> {
  const { binary, dir, options } = setup
  const log = openSync(join(dir, logName), 'w')
  try {
    const watched = ['-c', wrapper, 'sh', options.dir ? '' : dir]
    const child = spawn('sh', [...watched, binary.path, ...serverArgs(setup, port)], {
      // The pipe is not stdin: Node closes that as soon as the server has exited, and the watcher would remove the folder.
      stdio: ['ignore', log, log, 'pipe'],
      // Ctrl+C in the terminal would otherwise stop the server under those who still need it to shut down.
      detached: true,
      // A locale that is not installed makes the server exit.
      env: { ...process.env, LC_ALL: 'C', ...binary.env }
    })
    const exited = exitOf(child)
    if (child.pid === undefined) await once(child, 'spawn')
    return { child, port, exited, pid: child.pid as number }
  } finally {
    closeSync(log)
  }
}

function serverArgs ({ options, dir, socket }: Setup, port: number): string[] {
  return [
    '--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no', '--dir', dir, '--save', '',
    ...(options.aof ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
    ...(socket ? ['--unixsocket', socket] : []),
    ...(options.password ? ['--requirepass', options.password] : []),
    ...(options.config ?? [])
  ]
}

/** The server never keeps the process up; whoever waits for its end refs the child for as long. */
function exitOf (child: ChildProcess): Promise<unknown> {
  const pipe = child.stdio[3] as Socket
  pipe.on('error', () => {})
  pipe.unref()
  child.unref()
  return new Promise((resolve) => {
    child.once('error', resolve)
    child.once('exit', () => {
      killGroup(child)
      pipe.destroy()
      resolve(undefined)
    })
  })
}

/** The watcher goes before its pipe ends, as it would remove the folder that a restart needs. */
function killGroup (child: ChildProcess): void {
  try {
    process.kill(-(child.pid as number), 'SIGKILL')
  } catch {}
}

function hasExited ({ child }: Launched): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function end (server: Launched, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasExited(server)) return
  const { child } = server
  child.ref()
  child.kill(signal)
  // A paused server gets to its SIGTERM only once it runs again, a busy one perhaps never.
  child.kill('SIGCONT')
  const late = setTimeout(() => child.kill('SIGKILL'), stopWithin)
  await server.exited
  clearTimeout(late)
}

async function untilReady (server: Launched, setup: Setup): Promise<void> {
  const deadline = Date.now() + startWithin
  while (!hasExited(server) && Date.now() < deadline) {
    if (isReady(await ask(server.port, setup.options.password), server, setup)) return
    await delay(5)
  }
  const what = hasExited(server) ? 'exited' : `did not answer within ${startWithin} ms`
  const log = logOf(setup.dir).slice(-2000)
  throw new Error(`${setup.binary.path} on port ${server.port} ${what}. The end of its log:\n${log}`)
}

/** The pid tells our server from another one that has the port: ours is then about to exit. */
function isReady (answer: string, server: Launched, { options }: Setup): boolean {
  if (answer.includes('-NOAUTH')) return options.password === undefined
  return answer.includes('+PONG') && answer.includes(`process_id:${server.pid}\r\n`)
}

function ask (port: number, password?: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 })
  const commands = [...(password ? [['AUTH', password]] : []), ['PING'], ['INFO', 'server'], ['QUIT']]
  let answer = ''
  socket.setEncoding('utf8').on('data', (text) => { answer += text })
  socket.once('connect', () => socket.write(commands.map(encode).join('')))
  socket.once('timeout', () => socket.destroy())
  socket.on('error', () => {})
  return new Promise((resolve) => socket.once('close', () => resolve(answer)))
}

function encode (words: string[]): string {
  return `*${words.length}\r\n` + words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
}

async function freePort (): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

function logOf (dir: string): string {
  return readFileSync(join(dir, logName), 'utf8')
}
