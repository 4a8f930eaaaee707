/** The processes of the bench: started, asked with a deadline, and ended by their pid. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Command {
  /** For people, and for the name of its profile. */
  title: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
}

interface Question { resolve (value: any): void, reject (error: Error): void, timer: NodeJS.Timeout }

const ANSWER_WITHIN = 60_000
const START_WITHIN = 20_000
/** From the end of its stdin until it is killed. */
const END_WITHIN = 3_000
const STDERR_KEPT = 4_000

/** One process, which answers one question in lines of JSON after the other. */
export class BenchProcess {
  readonly title: string
  readonly #child: ChildProcess
  readonly #questions = new Map<number | 'ready', Question>()
  readonly #exited: Promise<unknown>
  #stderr = ''
  #id = 0
  #ended = false

  constructor ({ title, command, args, env }: Command) {
    this.title = title
    // A group of its own: Ctrl+C in the terminal is the bench's to pass on, in its own order.
    this.#child = spawn(command, args, { stdio: 'pipe', detached: true, env: { ...process.env, ...env } })
    this.#exited = once(this.#child, 'exit').catch(() => {})
    this.#child.once('error', error => this.#fail(error))
    void this.#exited.then(() => this.#fail(new Error(`has ended (${this.#child.signalCode ?? this.#child.exitCode})`)))
    this.#child.stdin!.on('error', () => {})
    this.#child.stderr!.on('data', text => { this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT) })
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#hear(line))
  }

  get pid (): number { return this.#child.pid! }

  async ready (): Promise<this> {
    await this.#wait('ready', 'start', START_WITHIN)
    return this
  }

  /** @param within ms until it counts as hung */
  call<T = unknown> (call: string, options: object = {}, within = ANSWER_WITHIN): Promise<T> {
    const id = ++this.#id
    const answer = this.#wait(id, call, within)
    this.#child.stdin!.write(`${JSON.stringify({ id, call, options })}\n`)
    return answer
  }

  #wait (id: number | 'ready', what: string, within: number): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.#ended || this.#child.exitCode !== null) return reject(this.#error(new Error('has ended')))
      const timer = setTimeout(() => reject(this.#error(new Error(`did not answer "${what}" within ${within} ms`))), within)
      this.#questions.set(id, { resolve, reject, timer })
    })
  }

  #hear (line: string): void {
    let message
    try {
      message = JSON.parse(line)
    } catch {
      return // somebody else's words
    }
    const id = message.ready ? 'ready' : message.id
    const question = this.#questions.get(id)
    if (!question) return
    this.#questions.delete(id)
    clearTimeout(question.timer)
    if (message.error === undefined) question.resolve(message.value)
    else question.reject(this.#error(new Error(message.error)))
  }

  #error (error: Error): Error {
    return new Error(`${this.title} ${error.message}${this.#stderr && `\n${this.#stderr}`}`)
  }

  #fail (error: Error): void {
    for (const { reject, timer } of this.#questions.values()) {
      clearTimeout(timer)
      reject(this.#error(error))
    }
    this.#questions.clear()
  }

  /** Its stdin ends, and it with it; what does not is killed, with what it started. */
  async end (): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#child.stdin!.end()
    const late = setTimeout(() => this.#kill(), END_WITHIN)
    await this.#exited
    clearTimeout(late)
    this.#kill()
  }

  /** The group, and no other: its leader is the child. */
  #kill (): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {}
  }
}

const program = fileURLToPath(new URL('child.js', import.meta.url))

/** All processes that run, so that none outlives the bench. */
export class Processes {
  readonly #actors = new Set<BenchProcess>()
  /** Where profiles go; null for none. */
  readonly #profiles: string | null
  #over = false

  constructor (profiles: string | null) {
    this.#profiles = profiles
  }

  /** A process of ours in Node: a role, and its arguments. */
  node (role: string, args: string[], flags: string[] = []): Promise<BenchProcess> {
    const title = [args[0], role].join('-')
    return this.start({ title, command: process.execPath, args: [...flags, ...this.#profiling(title), program, role, ...args] })
  }

  #profiling (title: string): string[] {
    if (this.#profiles === null) return []
    return ['--cpu-prof', `--cpu-prof-dir=${this.#profiles}`, `--cpu-prof-name=${title}-${this.#actors.size}-${Date.now()}.cpuprofile`]
  }

  /** Not after the end: what was under way when the bench was told to end would start another one. */
  async start (command: Command): Promise<BenchProcess> {
    if (this.#over) throw new Error('the bench ends')
    const actor = new BenchProcess(command)
    this.#actors.add(actor)
    return await actor.ready()
  }

  async end (): Promise<void> {
    this.#over = true
    await Promise.all([...this.#actors].map(actor => actor.end()))
    this.#actors.clear()
  }
}
