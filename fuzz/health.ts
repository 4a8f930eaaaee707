/**
 * What must hold after every input, whatever it was: nothing escaped that would have ended the process, and no prototype
 * has changed.
 */
const shared: Array<[string, object]> = [
  ['Object', Object.prototype], ['Array', Array.prototype], ['Function', Function.prototype], ['String', String.prototype],
  ['Number', Number.prototype], ['Date', Date.prototype], ['Map', Map.prototype], ['Promise', Promise.prototype],
  ['Error', Error.prototype], ['Buffer', Buffer.prototype]
]

/** Warnings of Node's that tell of a bug: a timer that fires at once, listeners that are never taken away. */
const TELLING = new Set(['TimeoutOverflowWarning', 'TimeoutNegativeWarning', 'TimeoutNaNWarning', 'MaxListenersExceededWarning', 'PromiseRejectionHandledWarning'])

export class Health {
  readonly #escaped: string[] = []
  readonly #keys = new Map(shared.map(([name, prototype]) => [name, Reflect.ownKeys(prototype)]))

  constructor () {
    process.on('unhandledRejection', reason => this.#add('an unhandled rejection, which ends the process', reason))
    process.on('uncaughtException', error => this.#add('an uncaught exception, which ends the process', error))
    process.on('warning', warning => { if (TELLING.has(warning.name)) this.#add('a warning', warning) })
  }

  #add (what: string, reason: unknown): void {
    this.#escaped.push(`${what}: ${reason instanceof Error ? reason.stack : String(reason)}`)
  }

  /** Throws what is wrong since the last check. */
  async check (): Promise<void> {
    await new Promise(resolve => setImmediate(resolve)) // rejections are told of once the tick has ended
    const polluted = this.#polluted()
    const escaped = this.#escaped.splice(0)
    if (polluted) throw new Error(`the prototype of ${polluted}`)
    if (escaped.length > 0) throw new Error(escaped.slice(0, 3).join('\n'))
  }

  /** Cleans up too, so that the next input is not blamed. */
  #polluted (): string | null {
    let found: string | null = null
    for (const [name, prototype] of shared) {
      for (const key of Reflect.ownKeys(prototype)) {
        if (this.#keys.get(name)!.includes(key)) continue
        found = `${name} got ${String(key)}`
        delete (prototype as any)[key]
      }
    }
    return found
  }
}
