/** The worker process. It starts and stops its peer's worker in each round, so that the code stays warm. */
import { loadPeer } from '../peers/index.ts'
import { Meter, type MeterOptions, type Reading } from '../meter.ts'
import type { Peer, RunningWorker } from '../peers/peer.ts'

export interface StartOptions extends MeterOptions {
  concurrency: number
  /** Default: the process's URL. */
  url?: string
  delayed?: boolean
}

export async function worker (peer: string, url: string): Promise<WorkerRole> {
  return new WorkerRole(await loadPeer(peer), url)
}

export class WorkerRole {
  readonly #peer: Peer
  readonly #url: string
  #meter: Meter | null = null
  #running: RunningWorker | null = null

  constructor (peer: Peer, url: string) {
    this.#peer = peer
    this.#url = url
  }

  async start ({ concurrency, delayed, url = this.#url, ...options }: StartOptions): Promise<void> {
    this.#meter = new Meter(options)
    this.#running = await this.#peer.worker(url, { concurrency, delayed, handler: this.#meter.handle })
  }

  read (): Reading { return this.#meter!.read() }

  async stop (): Promise<void> {
    await this.#running?.close()
    this.#running = null
  }
}
