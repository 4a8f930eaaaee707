/**
 * Sends a request over a socket, with its path and its headers as they are: inject() resolves `..`, and takes each
 * header once.
 */
import { once } from 'node:events'
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

type Headers = ReadonlyArray<readonly [string, string]>

/** @param form the body of a POST */
export type Send = (method: string, path: string, headers?: Headers, form?: string) => Promise<Answer>

/** Listens, and returns what sends requests to the app. Its connections end with the app. */
export async function listen (app: FastifyInstance): Promise<Send> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const agent = new Agent({ keepAlive: true })
  app.server.once('close', () => agent.destroy())
  const { port } = app.server.address() as AddressInfo
  return async (method, path, headers = [], form = '') => {
    const length = method === 'POST' ? [['content-length', String(Buffer.byteLength(form))]] : []
    const lines = [['host', `127.0.0.1:${port}`], ...length, ...headers].flat()
    const sent = request({ agent, port, host: '127.0.0.1', method, path, headers: lines as any })
    sent.end(form)
    const [response]: [IncomingMessage] = await once(sent, 'response') as any
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    return { status: response.statusCode!, headers: response.headers, body }
  }
}
