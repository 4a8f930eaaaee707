/**
 * What tests of streams share: an app that listens, and a client that reads events as they come.
 */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

export interface Stream {
  response: IncomingMessage
  /** All events so far. */
  events: Array<{ id: string, data: any }>
  text: () => string
  ended: Promise<unknown>
}

/** Listens on a free port, and returns it. */
export async function listen (app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

/** Opens a stream of events. */
export async function stream (port: number, path: string, headers = {}): Promise<Stream> {
  const [response] = await once(get({ host: '127.0.0.1', port, path, headers }), 'response') as [IncomingMessage]
  let text = ''
  const events: Stream['events'] = []
  response.on('data', chunk => {
    text += chunk
    events.length = 0
    for (const [, id, data] of text.matchAll(/^id: (.+)\ndata: (.+)\n\n/gm)) events.push({ id: id!, data: JSON.parse(data!) })
  })
  const ended = once(response, 'close')
  ended.catch(() => {})
  return { response, events, text: () => text, ended }
}
