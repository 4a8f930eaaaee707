/**
 * One report of an attempt is on its way at a time. Of those that come meanwhile the newest is sent next, in place of
 * the others.
 */
export class LatestReport<T> {
  readonly #send: (report: T) => Promise<void>
  #sending: Promise<void> | null = null
  #next: { report: T, sent: Promise<void> } | null = null

  /** @param send never rejects */
  constructor (send: (report: T) => Promise<void>) {
    this.#send = send
  }

  /** Resolves when this report, or a newer one in its place, was sent. */
  push (report: T): Promise<void> {
    if (this.#next) {
      this.#next.report = report
      return this.#next.sent
    }
    if (!this.#sending) return this.#start(report)
    const next = { report, sent: this.#sending.then(() => this.#sendNext()) }
    this.#next = next
    return next.sent
  }

  #start (report: T): Promise<void> {
    this.#sending = this.#send(report).then(() => { this.#sending = null })
    return this.#sending
  }

  #sendNext (): Promise<void> {
    const { report } = this.#next!
    this.#next = null
    return this.#start(report)
  }
}
