/**
 * Checks that must hold after every input: no error escaped that would have ended the process, and no prototype has
 * changed.
 */
const prototypes: Array<[string, object]> = [
  ['Object', Object.prototype],
  ['Array', Array.prototype],
  ['Function', Function.prototype],
  ['String', String.prototype],
  ['Number', Number.prototype],
  ['Date', Date.prototype],
  ['Map', Map.prototype],
  ['Promise', Promise.prototype],
  ['Error', Error.prototype],
  ['Buffer', Buffer.prototype]
]

/** Warnings of Node that point to a bug: a timer that fires at once, or listeners that are never removed. */
const BUG_WARNINGS = new Set([
  'TimeoutOverflowWarning',
  'TimeoutNegativeWarning',
  'TimeoutNaNWarning',
  'MaxListenersExceededWarning',
  'PromiseRejectionHandledWarning'
])

export class Health {
  readonly #errors: string[] = []
  readonly #keys = new Map(prototypes.map(([name, prototype]) => [name, Reflect.ownKeys(prototype)]))

  constructor () {
    process.on('unhandledRejection', reason => this.#add('an unhandled rejection, which ends the process', reason))
    process.on('uncaughtException', error => this.#add('an uncaught exception, which ends the process', error))
    process.on('warning', warning => { if (BUG_WARNINGS.has(warning.name)) this.#add('a warning', warning) })
  }

  #add (kind: string, reason: unknown): void {
    this.#errors.push(`${kind}: ${reason instanceof Error ? reason.stack : String(reason)}`)
  }

  /** Throws an error if anything went wrong since the last check. */
  async check (): Promise<void> {
    await new Promise(resolve => setImmediate(resolve)) // Node reports rejections after the current tick
    const polluted = this.#polluted()
    const errors = this.#errors.splice(0)
    if (polluted) throw new Error(`the prototype of ${polluted} has changed`)
    if (errors.length > 0) throw new Error(errors.slice(0, 3).join('\n'))
  }

  /** Finds keys that were added to prototypes. Removes them, so that the next input is not blamed for them. */
  #polluted (): string | null {
    let change: string | null = null
    for (const [name, prototype] of prototypes) {
      for (const key of Reflect.ownKeys(prototype)) {
        if (this.#keys.get(name)!.includes(key)) continue
        change = `${name} (new key ${String(key)})`
        delete (prototype as any)[key]
      }
    }
    return change
  }
}
