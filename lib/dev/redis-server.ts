/**
 * Layer 4: a Redis server on 127.0.0.1 that cannot outlive the process that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RedisBinary } from './redis-binary.ts'

export interface ServerSetup {
  binary: RedisBinary
  /** Has the server's data and its log. */
  dir: string
  /** Removes the folder if this process goes before it has stopped the server. */
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

const startWithin = 10_000
const stopWithin = 5_000
const logName = 'redis.log'
const clashRetries = 10

// The shell becomes the server, so that the child's pid and exit are the server's own. Beside it, in the same process
// group, a watcher reads a pipe that ends with the parent, however that died; it then removes the temporary folder, if
// there is one, and kills the group. The group and no pid, because a pid may long be another process's.
const wrapper = `
(cat <&3 >/dev/null; [ -z "$1" ] || rm -rf -- "$1"; kill -9 0) &
shift
exec "$@" 3<&-`

/** Starts a server, and waits until it answers. A free port may be taken again before the server has it: the only failure worth another attempt. */
export async function launchRedis (setup: ServerSetup, port?: number): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = await spawnServer(setup, port ?? await freePort())
    try {
      await untilReady(server, setup)
      return server
    } catch (error) {
      await endRedis(server, 'SIGKILL')
      if (attempt === clashRetries || !logOf(setup.dir).includes('Address already in use')) throw error
      await delay(20 * attempt)
    }
  }
}

async function spawnServer (setup: ServerSetup, port: number): Promise<RedisServer> {
  const { binary, dir, temporary } = setup
  const log = openSync(join(dir, logName), 'w')
  try {
    const watched = ['-c', wrapper, 'sh', temporary ? dir : '']
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

const serverArgs = ({ dir, args, password }: ServerSetup, port: number): string[] => [
  '--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no', '--dir', dir, '--save', '',
  ...(password ? ['--requirepass', password] : []), ...args
]

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

function hasExited ({ child }: RedisServer): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

export async function endRedis (server: RedisServer, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
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

async function untilReady (server: RedisServer, setup: ServerSetup): Promise<void> {
  const deadline = Date.now() + startWithin
  while (!hasExited(server) && Date.now() < deadline) {
    if (isReady(await ask(server.port, setup.password), server, setup)) return
    await delay(5)
  }
  const what = hasExited(server) ? 'exited' : `did not answer within ${startWithin} ms`
  const log = logOf(setup.dir).slice(-2000)
  throw new Error(`${setup.binary.path} on port ${server.port} ${what}. The end of its log:\n${log}`)
}

/** The pid tells our server from another one that has the port: ours is then about to exit. */
function isReady (answer: string, server: RedisServer, { password }: ServerSetup): boolean {
  if (answer.includes('-NOAUTH')) return password === undefined
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
