/**
 * What a worker without a server of its own answers to those who watch it:
 *
 * - `/live`: 200 while the process answers. Restart it if it does not.
 * - `/ready`: 200 while it works: started, connected to Redis, not closing. Else 503, with the reason.
 * - `/metrics`: the metrics of all plugin instances of the app, for Prometheus.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import * as errors from '../errors.ts'
import { causeOf, LogLimit } from '../log-limit.ts'
import { MAX_PORT } from '../options.ts'
import { toLoggable } from '../records/failure.ts'
import { steadyLog } from '../steady-log.ts'
import { CONTENT_TYPE, toText } from './exposition.ts'
import { mergeSamples, type SampleSource } from './sample.ts'
import type { PluginInstance } from '../boot/app-registry.ts'

type Watched = Pick<PluginInstance, 'tasks' | 'metrics'>

/** The port is taken, or is not for this user. Anything else is about the host: there is no such address here. */
const PORT_ERRORS = new Set<string | undefined>(['EADDRINUSE', 'EACCES'])

export class Monitor {
  readonly #instances: Watched[]
  readonly #log: FastifyBaseLogger
  readonly #limit = new LogLimit()
  readonly #server = createServer((request, response) => this.#answer(request, response).catch(error => {
    this.#onError(error)
    if (response.headersSent) response.destroy()
    else reply(response, 500, 'failed: see the log of the worker\n')
  }))

  #state: 'starting' | 'started' | 'closing' = 'starting'

  constructor (instances: Watched[], log: FastifyBaseLogger) {
    this.#instances = instances
    this.#log = steadyLog(() => log)
  }

  /** Returns the address. Throws FST_TASKS_MONITOR_PORT_TAKEN, FST_TASKS_MONITOR_HOST_INVALID. */
  async listen (port: number, host: string): Promise<string> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening').catch((error: NodeJS.ErrnoException) => {
      const { code, message } = error
      if (!PORT_ERRORS.has(code)) throw new errors.MonitorHostInvalid(host, message, { cause: error })
      throw new errors.MonitorPortTaken(port, host, message, port < MAX_PORT ? port + 1 : port - 1, { cause: error })
    })
    // A connection that cannot be accepted: no file descriptor is left, for example. The worker goes on.
    this.#server.on('error', error => this.#onError(error))
    this.#server.unref() // it must not keep a worker alive that has closed
    const { address, family, port: bound } = this.#server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
  }

  #onError (error: unknown): void {
    if (!this.#limit.allows(causeOf(error))) return
    this.#log.warn({ event: 'worker.monitor_failed', err: toLoggable(error) }, 'monitor of the worker failed to answer')
  }

  started (): void { if (this.#state === 'starting') this.#state = 'started' }
  drain (): void { this.#state = 'closing' }

  async close (): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer ({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = url.split('?', 1)
    if (method !== 'GET' && method !== 'HEAD') return reply(response, 405, 'only GET\n')
    switch (path) {
      case '/live': return reply(response, 200, 'live\n')
      case '/ready': return this.#answerReady(response)
      case '/metrics': return reply(response, 200, await this.#metrics(), CONTENT_TYPE)
      default: return reply(response, 404, 'there are /metrics, /live and /ready\n')
    }
  }

  #answerReady (response: ServerResponse): void {
    if (this.#state !== 'started') return reply(response, 503, `${this.#state}\n`)
    const isConnected = this.#instances.every(({ tasks }) => tasks.ready)
    reply(response, isConnected ? 200 : 503, isConnected ? 'ready\n' : 'Redis is not connected\n')
  }

  async #metrics (): Promise<string> {
    const sources = this.#instances.flatMap(({ metrics }) => (metrics ?? []) as SampleSource | [])
    return toText(mergeSamples(await Promise.all(sources.map(source => source.collect()))))
  }
}

function reply (response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
}
