/**
 * A Redis server on 127.0.0.1 that cannot outlive the process that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisBinary } from './redis-binary.ts'

export interface ServerSetup {
  binary: RedisBinary
  /** The folder of the server's data and its log. */
  dir: string
  /** Whether the folder is removed if this process ends before it has stopped the server. */
  temporary: boolean
  /** More arguments for the server. */
  args: string[]
  password?: string
}

export interface RedisServer {
  readonly child: ChildProcess
  readonly pid: number
  readonly port: number
  readonly exited: Promise<unknown>
}

const START_TIMEOUT_MS = 10_000
/** How long a server may take to stop, before it is killed. */
const STOP_TIMEOUT_MS = 5_000
const LOG_FILE = 'redis.log'
const MAX_PORT_ATTEMPTS = 10

// The shell becomes the server, so that the child's pid and exit are the server's own. Beside it, in the same process
// group, a watcher reads a pipe that closes when the parent ends, by SIGKILL too. Then it removes the temporary folder,
// if there is one, and kills the group. It kills the group and no pid: by then a pid may belong to another process.
const WRAPPER = `
(cat <&3 >/dev/null; [ -z "$1" ] || rm -rf -- "$1"; kill -9 0) &
shift
exec "$@" 3<&-`

/**
 * Starts a server, and waits until it answers.
 * @param port default: a free one. If another process takes it before the server does, the next attempt has another
 * @throws with the end of the server's log
 */
export async function launchRedis (setup: ServerSetup, port?: number): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = await spawnServer(setup, port ?? await freePort())
    try {
      await untilReady(server, setup)
      return server
    } catch (error) {
      await endRedis(server, 'SIGKILL')
      // All other failures would come again.
      if (attempt === MAX_PORT_ATTEMPTS || !logOf(setup.dir).includes('Address already in use')) throw error
      await sleep(20 * attempt)
    }
  }
}

async function spawnServer (setup: ServerSetup, port: number): Promise<RedisServer> {
  const { binary, dir, temporary } = setup
  const log = openSync(join(dir, LOG_FILE), 'w')
  try {
    const wrapped = ['-c', WRAPPER, 'sh', temporary ? dir : '']
    const child = spawn('sh', [...wrapped, binary.path, ...serverArgs(setup, port)], {
      // The pipe is not stdin: Node closes stdin when the server exits, and the watcher would remove the folder.
      stdio: ['ignore', log, log, 'pipe'],
      // Otherwise Ctrl+C in the terminal would stop the server while others need it to shut down.
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

const serverArgs = ({ dir, args, password }: ServerSetup, port: number): string[] => [
  '--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no', '--dir', dir, '--save', '',
  ...(password ? ['--requirepass', password] : []), ...args
]

/** The server does not keep this process running. `endRedis` refs the child while it waits. */
function exitOf (child: ChildProcess): Promise<unknown> {
  const pipe = child.stdio[3] as Socket
  pipe.on('error', () => {})
  pipe.unref()
  child.unref()
  return new Promise(resolve => {
    child.once('error', resolve)
    child.once('exit', () => {
      killGroup(child)
      pipe.destroy()
      resolve(undefined)
    })
  })
}

/** Ends the watcher before its pipe closes: it would remove the folder, which a restart needs. */
function killGroup (child: ChildProcess): void {
  try {
    process.kill(-(child.pid as number), 'SIGKILL')
  } catch {}
}

export function hasExited ({ child }: RedisServer): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Stops a server, and waits for its exit. */
export async function endRedis (server: RedisServer, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasExited(server)) return
  const { child } = server
  child.ref()
  child.kill(signal)
  // A paused server does not see SIGTERM before it continues. A busy one may never see it.
  child.kill('SIGCONT')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await server.exited
  clearTimeout(late)
}

async function untilReady (server: RedisServer, setup: ServerSetup): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!hasExited(server) && Date.now() < deadline) {
    if (isReady(await query(server.port, setup.password), server, setup)) return
    await sleep(5)
  }
  const what = hasExited(server) ? 'exited' : `did not answer within ${START_TIMEOUT_MS} ms`
  const log = logOf(setup.dir).slice(-2000)
  throw new Error(`${setup.binary.path} on port ${server.port} ${what}. The end of its log:\n${log}`)
}

/** The pid tells our server from another one that has the port. In that case ours is about to exit. */
function isReady (reply: string, server: RedisServer, { password }: ServerSetup): boolean {
  if (reply.includes('-NOAUTH')) return password === undefined
  return reply.includes('+PONG') && reply.includes(`process_id:${server.pid}\r\n`)
}

/** The replies to PING and INFO. Empty if nothing answers. */
function query (port: number, password?: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 })
  const commands = [...(password ? [['AUTH', password]] : []), ['PING'], ['INFO', 'server'], ['QUIT']]
  let reply = ''
  socket.setEncoding('utf8').on('data', text => { reply += text })
  socket.once('connect', () => socket.write(commands.map(encode).join('')))
  socket.once('timeout', () => socket.destroy())
  socket.on('error', () => {})
  return new Promise(resolve => socket.once('close', () => resolve(reply)))
}

function encode (words: string[]): string {
  return `*${words.length}\r\n` + words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
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
  return readFileSync(join(dir, LOG_FILE), 'utf8')
}
