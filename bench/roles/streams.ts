/** The process that holds many event streams open. */
import { once } from 'node:events'
import { Agent, get, type ClientRequest, type IncomingMessage } from 'node:http'

/** Number of streams that are opened at the same time. */
const BATCH = 50

export async function streams (): Promise<StreamsRole> {
  return new StreamsRole()
}

export class StreamsRole {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  readonly #requests: ClientRequest[] = []

  /** Resolves when each stream has delivered its first event. */
  async open ({ urls }: { urls: string[] }): Promise<void> {
    for (let i = 0; i < urls.length; i += BATCH) {
      await Promise.all(urls.slice(i, i + BATCH).map(url => this.#open(url)))
    }
  }

  async #open (url: string): Promise<void> {
    const request = get(url, { agent: this.#agent, headers: { accept: 'text/event-stream' } })
    this.#requests.push(request)
    const [response] = await once(request, 'response') as [IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`)
    await once(response, 'data')
    response.on('error', () => {})
    response.resume()
  }

  close (): void {
    for (const request of this.#requests) request.on('error', () => {}).destroy()
  }
}
