/** The process that holds many event streams open. */
import { once } from 'node:events'
import { Agent, get, type ClientRequest, type IncomingMessage } from 'node:http'

const TOGETHER = 50

export async function streams (): Promise<StreamsRole> {
  return new StreamsRole()
}

export class StreamsRole {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  readonly #requests: ClientRequest[] = []

  /** Resolves once each has brought its first event. */
  async open ({ urls }: { urls: string[] }): Promise<void> {
    for (let i = 0; i < urls.length; i += TOGETHER) {
      await Promise.all(urls.slice(i, i + TOGETHER).map(url => this.#open(url)))
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
