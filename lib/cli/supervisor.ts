/**
 * Layer 4: keeps one process of an app running, and starts it anew where files change: drains first, always.
 *
 * The process is in a group of its own: a Ctrl+C of the terminal is passed on by us, once. It is tied to us by a
 * channel, which ends with us, however we end.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { relative } from 'node:path'
import { printErr } from './output.ts'
import { startFileWatcher, type FileWatcher } from './file-watcher.ts'

export interface SupervisorOptions {
  /** What the process is called. */
  what: string
  /** The command line behind `fastify-tasks`. */
  args: string[]
  /** The app's file, and what to watch instead of its folder. */
  app: string
  watch: boolean
  paths?: string[]
  /** How long a drain may take, in ms: what has not ended by then is killed. */
  patience: number
  /** A message from the process, and how to answer. One of `{ final: true }` says that no change of a file would help. */
  onMessage?: (message: unknown, answer: (message: object) => void) => void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type EndSignal = typeof SIGNALS[number]

export class Supervisor {
  readonly #options: SupervisorOptions
  #watcher: FileWatcher | null = null
  #child: ChildProcess | null = null
  /** A stop was asked for, and it has not ended. */
  #stopping = false
  #ending = false
  #final = false
  #kill: NodeJS.Timeout | undefined
  #done!: (code: number) => void

  constructor (options: SupervisorOptions) {
    this.#options = options
  }

  /** Resolves with the exit code, once it was ended. Rejects where a path cannot be watched. */
  async run (): Promise<number> {
    const { what, app, watch, paths } = this.#options
    const done = new Promise<number>(resolve => { this.#done = resolve })
    for (const signal of SIGNALS) process.on(signal, () => this.#end(signal))
    if (watch) {
      this.#watcher = await startFileWatcher(app, paths, file => this.#changed(file))
      printErr(`fastify-tasks: watching ${this.#watcher.paths.join(', ')}; a change starts the ${what} anew (Ctrl+C ends it)`)
    }
    this.#start()
    const code = await done
    await this.#watcher?.close()
    return code
  }

  #start (): void {
    this.#stopping = false
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...this.#options.args, '--exit-with-parent'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: process.platform !== 'win32' // there it would open a window
    })
    this.#child = child
    child.on('message', message => this.#heard(message, child))
    child.on('error', error => {
      if (child.pid !== undefined) return // a message that came too late
      printErr(`fastify-tasks: the ${this.#options.what} cannot be started: ${error.message}`)
      this.#exited(1, null)
    })
    child.once('exit', (code, signal) => this.#exited(code, signal))
  }

  #heard (message: unknown, child: ChildProcess): void {
    if ((message as { final?: unknown } | null)?.final === true) this.#final = true
    this.#options.onMessage?.(message, answer => { if (child.connected) child.send(answer) })
  }

  #exited (code: number | null, signal: NodeJS.Signals | null): void {
    const { what } = this.#options
    clearTimeout(this.#kill)
    this.#child = null
    const exitCode = signal ? 128 + constants.signals[signal] : code ?? 1
    if (this.#ending || this.#final || !this.#watcher) return this.#done(exitCode)
    if (this.#stopping) return this.#start()
    printErr(`fastify-tasks: the ${what} has ended (${signal ?? `exit code ${code}`}): waiting for a change of a file`)
  }

  #changed (file: string): void {
    if (this.#ending) return
    printErr(`fastify-tasks: ${relative(process.cwd(), file)} has changed: starting the ${this.#options.what} anew`)
    if (!this.#child) this.#start()
    else if (!this.#stopping) this.#stop('SIGTERM')
  }

  #stop (signal: EndSignal): void {
    const { what, patience } = this.#options
    this.#stopping = true
    this.#child?.kill(signal)
    this.#kill = setTimeout(() => {
      printErr(`fastify-tasks: the ${what} did not end within ${patience} ms: it is killed`)
      this.#child?.kill('SIGKILL')
    }, patience)
  }

  /** The first signal drains, the second ends at once. */
  #end (signal: EndSignal): void {
    if (!this.#child) return this.#done(0)
    if (this.#ending) this.#child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    else if (!this.#stopping) this.#stop(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    this.#ending = true
  }
}
