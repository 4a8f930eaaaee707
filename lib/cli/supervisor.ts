/**
 * Keeps one process of an app running, and restarts it when files change. A restart always drains first.
 *
 * The process has a process group of its own: Ctrl+C in the terminal reaches only us, and we pass it on once. The
 * process is tied to us by a channel, which closes when we end, by SIGKILL too.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { relative } from 'node:path'
import { startFileWatcher, type FileWatcher } from './file-watcher.ts'
import { printErr } from './output.ts'
import { MAX_TIMER } from '../options.ts'

export interface SupervisorOptions {
  /** What messages call the process. */
  what: string
  /** The command line after `fastify-tasks`. */
  args: string[]
  /** The app's file. */
  app: string
  watch: boolean
  /** What to watch instead of the app's folder. */
  paths?: string[]
  /** How long the process waits for running tasks when it stops, in ms. */
  closeTimeout: number
  /** Called with each message of the process, and a function that replies. */
  onMessage?: (message: ChildMessage, reply: (message: object) => void) => void
}

export interface ChildMessage {
  /** `give-up`: no change of a file would help. `redis`: the process asks for the URL of a Redis. */
  type?: 'give-up' | 'redis'
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type EndSignal = typeof SIGNALS[number]

/** Beyond closeTimeout: for the worker's last calls to Redis, and for what else the app closes. */
const STOP_MARGIN_MS = 5_000

export class Supervisor {
  readonly #options: SupervisorOptions
  #watcher: FileWatcher | null = null
  #child: ChildProcess | null = null
  /** The process was asked to stop, and has not exited. */
  #stopping = false
  /** A signal ends the supervisor. */
  #ending = false
  #givenUp = false
  #kill: NodeJS.Timeout | undefined
  #done!: (code: number) => void

  constructor (options: SupervisorOptions) {
    this.#options = options
  }

  /** Resolves with the exit code, when a signal has ended it. Rejects if a path cannot be watched. */
  async run (): Promise<number> {
    const { what, app, watch, paths } = this.#options
    const done = new Promise<number>(resolve => { this.#done = resolve })
    for (const signal of SIGNALS) process.on(signal, () => this.#end(signal))
    if (watch) {
      this.#watcher = await startFileWatcher(app, paths, file => this.#onChange(file))
      const watched = this.#watcher.paths.join(', ')
      printErr(`fastify-tasks: watching ${watched}: a change restarts the ${what} (Ctrl+C ends it)`)
    }
    this.#start()
    const code = await done
    await this.#watcher?.close()
    return code
  }

  #start (): void {
    this.#stopping = false
    const [command, ...rest] = this.#options.args // what follows a -- there is not for this command
    const args = [...process.execArgv, process.argv[1]!, command!, '--exit-with-parent', ...rest]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: process.platform !== 'win32' // there it would open a window
    })
    this.#child = child
    child.on('message', message => this.#onMessage(message as ChildMessage | null, child))
    child.on('error', error => {
      if (child.pid !== undefined) return // a message that could not be sent: the process has exited
      printErr(`fastify-tasks: the ${this.#options.what} cannot be started: ${error.message}`)
      this.#onExit(1, null)
    })
    child.once('exit', (code, signal) => this.#onExit(code, signal))
  }

  #onMessage (message: ChildMessage | null, child: ChildProcess): void {
    if (typeof message !== 'object' || message === null) return
    if (message.type === 'give-up') this.#givenUp = true
    this.#options.onMessage?.(message, reply => { if (child.connected) child.send(reply) })
  }

  #onExit (code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#kill)
    this.#child = null
    const exitCode = signal ? 128 + constants.signals[signal] : code ?? 1
    if (this.#ending || this.#givenUp || !this.#watcher) return this.#done(exitCode)
    if (this.#stopping) return this.#start()
    const how = signal ?? `exit code ${code}`
    printErr(`fastify-tasks: the ${this.#options.what} has exited (${how}): waiting for a file to change`)
  }

  #onChange (file: string): void {
    if (this.#ending) return
    printErr(`fastify-tasks: ${relative(process.cwd(), file)} has changed: restarting the ${this.#options.what}`)
    if (!this.#child) this.#start()
    else if (!this.#stopping) this.#stop('SIGTERM')
  }

  #stop (signal: EndSignal): void {
    const { what, closeTimeout } = this.#options
    const ms = Math.min(closeTimeout + STOP_MARGIN_MS, MAX_TIMER)
    this.#stopping = true
    this.#child?.kill(signal)
    this.#kill = setTimeout(() => {
      printErr(`fastify-tasks: the ${what} did not stop within ${ms} ms: killing it`)
      this.#child?.kill('SIGKILL')
    }, ms)
  }

  /** The first signal drains. The second ends the process at once. */
  #end (signal: EndSignal): void {
    if (!this.#child) return this.#done(0)
    if (this.#ending) this.#child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    else if (!this.#stopping) this.#stop(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    this.#ending = true
  }
}
