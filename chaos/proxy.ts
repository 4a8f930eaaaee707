/** A TCP proxy on loopback between a process and Redis. It can cut, stall and slow its connections. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type Mode = 'open' | 'stalled' | 'replies-held' | 'slow'

/** Number of buffered bytes at which the source is paused. */
const HIGH_WATER = 1_048_576

interface Settings { mode: Mode, delay: number }

/** One direction of a connection. Writes the chunks in order, each when it is due. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #settings: Settings
  readonly #isReplies: boolean
  #queue: Array<{ chunk: Buffer, due: number }> = []
  #bytes = 0
  #ended = false
  #timer: NodeJS.Timeout | null = null

  constructor (from: Socket, to: Socket, settings: Settings, isReplies: boolean) {
    this.#from = from
    this.#to = to
    this.#settings = settings
    this.#isReplies = isReplies
    from.on('data', chunk => this.#receive(chunk))
    from.on('close', () => this.end())
    from.on('error', () => {})
  }

  #receive (chunk: Buffer): void {
    const due = performance.now() + (this.#settings.mode === 'slow' ? this.#settings.delay : 0)
    this.#queue.push({ chunk, due })
    this.#bytes += chunk.length
    if (this.#bytes > HIGH_WATER) this.#from.pause()
    this.flush()
  }

  get #held (): boolean {
    const { mode } = this.#settings
    return mode === 'stalled' || (mode === 'replies-held' && this.#isReplies)
  }

  /** Writes the chunks that are due. */
  flush (): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#held) return
    while (this.#queue.length > 0 && this.#queue[0]!.due <= performance.now()) this.#write(this.#queue.shift()!.chunk)
    if (this.#queue.length > 0) this.#timer = setTimeout(() => this.flush(), this.#queue[0]!.due - performance.now())
    else if (this.#ended) this.#to.end()
  }

  #write (chunk: Buffer): void {
    this.#bytes -= chunk.length
    if (this.#bytes <= HIGH_WATER) this.#from.resume()
    if (!this.#to.destroyed) this.#to.write(chunk)
  }

  /** Ends the direction after its buffered chunks are written, however late that is. */
  end (): void {
    this.#ended = true
    this.flush()
  }

  drop (): void {
    this.#queue = []
    this.end()
  }
}

class ProxiedConnection {
  readonly #client: Socket
  readonly #server: Socket
  readonly #requests: Pipe
  readonly #replies: Pipe

  constructor (client: Socket, server: Socket, settings: Settings) {
    this.#client = client.setNoDelay()
    this.#server = server.setNoDelay()
    this.#requests = new Pipe(client, server, settings, false)
    this.#replies = new Pipe(server, client, settings, true)
    // If Redis closes the connection, the client's side is closed too, and buffered replies are dropped.
    server.on('close', () => client.destroy())
  }

  flush (): void {
    this.#requests.flush()
    this.#replies.flush()
  }

  /** @param late whether buffered requests still reach Redis, after the client's connection is reset */
  cut (late: boolean): void {
    this.#client.resetAndDestroy()
    if (late) return
    this.#requests.drop()
    this.#server.destroy()
  }

  destroy (): void {
    this.#client.destroy()
    this.#server.destroy()
  }
}

export class TcpProxy {
  readonly #server: Server
  readonly #connections = new Set<ProxiedConnection>()
  readonly #settings: Settings = { mode: 'open', delay: 0 }

  private constructor (target: number) {
    this.#server = createServer(client => {
      const server = connect(target, '127.0.0.1')
      const connection = new ProxiedConnection(client, server, this.#settings)
      this.#connections.add(connection)
      server.on('close', () => this.#connections.delete(connection))
    })
  }

  static async open (target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    return proxy
  }

  get port (): number { return (this.#server.address() as AddressInfo).port }
  get url (): string { return `redis://127.0.0.1:${this.port}` }
  get mode (): Mode { return this.#settings.mode }

  set (mode: Mode, delay = 0): void {
    Object.assign(this.#settings, { mode, delay })
    for (const connection of this.#connections) connection.flush()
  }

  cut (late = false): void { for (const connection of this.#connections) connection.cut(late) }

  close (): void {
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
  }
}
