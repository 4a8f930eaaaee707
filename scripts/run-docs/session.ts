/**
 * A person at a page: a folder with the package installed, a Redis, a port, and the processes that were started and
 * still run. A server runs on while the next commands are typed, as in a second terminal. Before a server takes a port,
 * the one that has it is stopped. At the end all are stopped as with Ctrl+C, and must exit with 0.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { compare, fill, type Values } from './compare.ts'
import type { Command } from './blocks.ts'

interface Running { text: string, child: ChildProcess, port: boolean, output: () => string, ended: Promise<unknown> }

/** Commands that serve, and go on until they are stopped. */
const SERVES = /fastify start |fastify-tasks dev |^node .*examples\/[\w/]+app\.c?[jt]s$/
const WORKS = /fastify-tasks worker /
/** Commands that only look: repeated until their output is as shown, for a person looks again too. */
const LOOKS = /^curl (?!.*(?:-X|-d|--data))|fastify-tasks (?:list|status|inspect|schedules$|schedules next)/
const DEADLINE = 60_000
const STOP = 20_000
const PORT = /localhost:3000/g

export class Session {
  readonly folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #port: number
  readonly #values: Values = new Map()
  readonly #running: Running[] = []
  /** The addresses of tasks that were accepted. */
  readonly #accepted: string[] = []

  constructor (folder: string, env: NodeJS.ProcessEnv, port: number) {
    this.folder = folder
    this.#port = port
    this.#env = { ...env, PORT: String(port), CURL_HOME: folder }
  }

  /** Throws if the command fails, or if its output is not as shown. */
  async run ({ text, shown }: Command): Promise<void> {
    const command = fill(text, this.#values).replaceAll(PORT, `localhost:${this.#port}`)
    if (SERVES.test(command) || WORKS.test(command)) await this.#start(command)
    else await this.#finish(command, shown)
  }

  /** Waits for accepted tasks, and stops what runs. Throws if a task or a process did not end well. */
  async end (): Promise<void> {
    for (const path of this.#accepted) await this.#succeeds(path)
    for (let next = this.#running.pop(); next; next = this.#running.pop()) await stop(next)
  }

  /** Kills all processes. */
  async kill (): Promise<void> {
    for (const { child, ended } of this.#running.splice(0)) {
      kill(child, 'SIGKILL')
      await ended
    }
  }

  async #start (command: string): Promise<void> {
    const port = SERVES.test(command)
    if (port) await this.#freePort()
    const running = { ...this.#spawn(command), port }
    this.#running.push(running)
    await until(() => {
      const { exitCode } = running.child
      if (exitCode !== null) throw new Error(`${command}: exit code ${exitCode}\n${running.output()}`)
      return port ? isOpen(this.#port) : running.output().includes('worker started')
    }, () => `${command}: it does not start\n${running.output()}`)
  }

  async #freePort (): Promise<void> {
    const index = this.#running.findIndex(({ port }) => port)
    if (index >= 0) await stop(this.#running.splice(index, 1)[0]!)
  }

  async #finish (command: string, shown: string | null): Promise<void> {
    const end = Date.now() + DEADLINE
    for (;;) {
      const output = await this.#outputOf(command)
      try {
        if (shown !== null) compare(shown, output, this.#values)
        return this.#note(command, output)
      } catch (error) {
        if (!LOOKS.test(command) || Date.now() > end) throw error
        await sleep(100)
      }
    }
  }

  async #outputOf (command: string): Promise<string> {
    const { child, output, ended } = this.#spawn(command)
    const late = setTimeout(() => kill(child, 'SIGKILL'), DEADLINE)
    await ended
    clearTimeout(late)
    const { exitCode, signalCode } = child
    if (exitCode !== 0) throw new Error(`${command}: ${exitCode ?? signalCode}\n${output()}`)
    return output()
  }

  #note (command: string, output: string): void {
    const [, location] = /^location: (\S+)/m.exec(output) ?? []
    if (command.startsWith('curl') && location) this.#accepted.push(location)
  }

  async #succeeds (path: string): Promise<void> {
    const read = async (): Promise<any> => (await fetch(new URL(path, `http://localhost:${this.#port}`))).json()
    const record = await until(async () => {
      // Under `dev` the server restarts when a file of the page is written.
      const found = await read().catch(() => null)
      return found?.finishedAt && found
    }, () => `${path}: the task does not end`)
    if (record.state !== 'succeeded') throw new Error(`${path}: ${JSON.stringify(record)}`)
  }

  #spawn (command: string): Omit<Running, 'port'> {
    // A process group of its own, as in a terminal: Ctrl+C reaches all of it.
    const child = spawn('bash', ['-c', command], { cwd: this.folder, env: this.#env, detached: true })
    let output = ''
    child.stdout.on('data', data => { output += data })
    // A person sees both. Only the output is compared.
    let errors = ''
    child.stderr.on('data', data => { errors += data })
    const all = (): string => child.exitCode === 0 ? output : output + errors
    return { text: command, child, output: all, ended: once(child, 'close') }
  }
}

function kill (child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal)
  } catch {} // it has ended
}

async function stop ({ text, child, output, ended }: Running): Promise<void> {
  if (child.exitCode !== null) throw new Error(`${text}: ended too early, with ${child.exitCode}\n${output()}`)
  kill(child, 'SIGINT')
  const late = setTimeout(() => kill(child, 'SIGKILL'), STOP)
  await ended
  clearTimeout(late)
  const { exitCode, signalCode } = child
  // npx ends by the signal, whatever its command exits with. The output is closed when the command has ended.
  const ok = exitCode === 0 || (/^npx /.test(text) && signalCode === 'SIGINT')
  if (!ok) throw new Error(`${text}: after Ctrl+C ${exitCode ?? signalCode}\n${output()}`)
}

async function until<T> (look: () => T | Promise<T>, text: () => string): Promise<NonNullable<T>> {
  const end = Date.now() + DEADLINE
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(text())
    await sleep(50)
  }
}

async function isOpen (port: number): Promise<boolean> {
  const socket = connect(port, 'localhost')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** A port that is free now. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
