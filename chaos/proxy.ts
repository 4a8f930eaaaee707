/** A TCP proxy on loopback between one process and Redis, that can cut, stall and slow its connections. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type Mode = 'open' | 'stalled' | 'replies-held' | 'slow'

/** Bytes that wait in one direction before its source is paused. */
const HIGH_WATER = 1_048_576

interface Flow { mode: Mode, delay: number }

/** One direction of a connection: chunks in order, each written when its time has come. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #flow: Flow
  readonly #isReplies: boolean
  #queue: Array<{ chunk: Buffer, due: number }> = []
  #bytes = 0
  #ended = false
  #timer: NodeJS.Timeout | null = null

  constructor (from: Socket, to: Socket, flow: Flow, isReplies: boolean) {
    this.#from = from
    this.#to = to
    this.#flow = flow
    this.#isReplies = isReplies
    from.on('data', chunk => this.#take(chunk))
    from.on('close', () => this.end())
    from.on('error', () => {})
  }

  #take (chunk: Buffer): void {
    const due = performance.now() + (this.#flow.mode === 'slow' ? this.#flow.delay : 0)
    this.#queue.push({ chunk, due })
    this.#bytes += chunk.length
    if (this.#bytes > HIGH_WATER) this.#from.pause()
    this.flush()
  }

  get #held (): boolean { return this.#flow.mode === 'stalled' || (this.#flow.mode === 'replies-held' && this.#isReplies) }

  /** Writes what is due. */
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

  /** No more comes; what is under way arrives late all the same. */
  end (): void {
    this.#ended = true
    this.flush()
  }

  drop (): void {
    this.#queue = []
    this.end()
  }
}

class Pair {
  readonly #client: Socket
  readonly #server: Socket
  readonly #requests: Pipe
  readonly #replies: Pipe

  constructor (client: Socket, server: Socket, flow: Flow) {
    this.#client = client.setNoDelay()
    this.#server = server.setNoDelay()
    this.#requests = new Pipe(client, server, flow, false)
    this.#replies = new Pipe(server, client, flow, true)
    // Redis went away: so does the connection, whatever was under way to the client.
    server.on('close', () => client.destroy())
  }

  flush (): void {
    this.#requests.flush()
    this.#replies.flush()
  }

  /** @param late requests that are under way still reach Redis, after the client has seen the end. */
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

export class Link {
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #flow: Flow = { mode: 'open', delay: 0 }

  private constructor (target: number) {
    this.#server = createServer(client => {
      const server = connect(target, '127.0.0.1')
      const pair = new Pair(client, server, this.#flow)
      this.#pairs.add(pair)
      server.on('close', () => this.#pairs.delete(pair))
    })
  }

  static async open (target: number): Promise<Link> {
    const link = new Link(target)
    await once(link.#server.listen(0, '127.0.0.1'), 'listening')
    return link
  }

  get port (): number { return (this.#server.address() as AddressInfo).port }
  get url (): string { return `redis://127.0.0.1:${this.port}` }
  get mode (): Mode { return this.#flow.mode }

  set (mode: Mode, delay = 0): void {
    Object.assign(this.#flow, { mode, delay })
    for (const pair of this.#pairs) pair.flush()
  }

  cut (late = false): void { for (const pair of this.#pairs) pair.cut(late) }

  close (): void {
    this.#server.close()
    for (const pair of this.#pairs) pair.destroy()
  }
}
