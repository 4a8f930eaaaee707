/** Starts the processes of the bench, calls them with a deadline, and ends them by their pid. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Command {
  /** Used in messages, and in the file name of its CPU profile. */
  title: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
}

interface PendingCall { resolve (value: any): void, reject (error: Error): void, timer: NodeJS.Timeout }

const CALL_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 20_000
/** From the end of its stdin until it is killed. */
const END_TIMEOUT_MS = 3_000
/** Number of last characters of stderr that an error shows. */
const STDERR_KEPT = 4_000

/** A process that reads calls and writes answers as lines of JSON. See child.ts for its other side. */
export class BenchProcess {
  readonly title: string
  readonly #child: ChildProcess
  readonly #pending = new Map<number | 'ready', PendingCall>()
  readonly #exited: Promise<unknown>
  #stderr = ''
  #id = 0
  #ended = false

  constructor ({ title, command, args, env }: Command) {
    this.title = title
    // In its own process group: Ctrl+C in the terminal reaches only the bench, which ends its processes in order.
    this.#child = spawn(command, args, { stdio: 'pipe', detached: true, env: { ...process.env, ...env } })
    this.#exited = once(this.#child, 'exit').catch(() => {})
    this.#child.once('error', error => this.#fail(error))
    void this.#exited.then(() => this.#fail(new Error(`has ended (${this.#child.signalCode ?? this.#child.exitCode})`)))
    this.#child.stdin!.on('error', () => {})
    this.#child.stderr!.on('data', text => { this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT) })
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#onLine(line))
  }

  get pid (): number { return this.#child.pid! }

  async ready (): Promise<this> {
    await this.#wait('ready', 'start', START_TIMEOUT_MS)
    return this
  }

  /** Calls a method of the role. Throws if no answer comes within `within` ms. */
  call<T = unknown> (call: string, options: object = {}, within = CALL_TIMEOUT_MS): Promise<T> {
    const id = ++this.#id
    const answer = this.#wait(id, call, within)
    this.#child.stdin!.write(`${JSON.stringify({ id, call, options })}\n`)
    return answer
  }

  #wait (id: number | 'ready', name: string, within: number): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.#ended || this.#child.exitCode !== null) return reject(this.#error(new Error('has ended')))
      const late = new Error(`did not answer "${name}" within ${within} ms`)
      const timer = setTimeout(() => reject(this.#error(late)), within)
      this.#pending.set(id, { resolve, reject, timer })
    })
  }

  #onLine (line: string): void {
    let message
    try {
      message = JSON.parse(line)
    } catch {
      return // output of a library
    }
    const id = message.ready ? 'ready' : message.id
    const pending = this.#pending.get(id)
    if (!pending) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    if (message.error === undefined) pending.resolve(message.value)
    else pending.reject(this.#error(new Error(message.error)))
  }

  #error (error: Error): Error {
    return new Error(`${this.title} ${error.message}${this.#stderr && `\n${this.#stderr}`}`)
  }

  #fail (error: Error): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(this.#error(error))
    }
    this.#pending.clear()
  }

  /** Closes its stdin, so that it exits. After END_TIMEOUT_MS kills it. Then kills the processes that it started. */
  async end (): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#child.stdin!.end()
    const late = setTimeout(() => this.#kill(), END_TIMEOUT_MS)
    await this.#exited
    clearTimeout(late)
    this.#kill()
  }

  /** Kills the child's process group, and nothing else: the child is its leader. */
  #kill (): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {}
  }
}

const program = fileURLToPath(new URL('child.js', import.meta.url))

/** All running processes, so that none outlives the bench. */
export class Processes {
  readonly #running = new Set<BenchProcess>()
  /** The folder for CPU profiles, or null. */
  readonly #profiles: string | null
  #ended = false

  constructor (profiles: string | null) {
    this.#profiles = profiles
  }

  /** Starts child.ts in Node, with a role and its arguments. */
  node (role: string, args: string[], flags: string[] = []): Promise<BenchProcess> {
    const title = [args[0], role].join('-')
    const nodeArgs = [...flags, ...this.#profiling(title), program, role, ...args]
    return this.start({ title, command: process.execPath, args: nodeArgs })
  }

  #profiling (title: string): string[] {
    if (this.#profiles === null) return []
    const file = `${title}-${this.#running.size}-${Date.now()}.cpuprofile`
    return ['--cpu-prof', `--cpu-prof-dir=${this.#profiles}`, `--cpu-prof-name=${file}`]
  }

  /** Throws after end(): a part that still runs while the bench ends must not start another process. */
  async start (command: Command): Promise<BenchProcess> {
    if (this.#ended) throw new Error('the bench is ending')
    const started = new BenchProcess(command)
    this.#running.add(started)
    return await started.ready()
  }

  async end (): Promise<void> {
    this.#ended = true
    await Promise.all([...this.#running].map(started => started.end()))
    this.#running.clear()
  }
}
