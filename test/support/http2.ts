/**
 * A client of HTTP/2, which names the host in `:authority` as browsers do.
 */
import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { FastifyInstance } from 'fastify'

type Send = (headers: Record<string, string>, body?: string) => Promise<{ status: number | undefined, body: string }>

/** Listens with an app of `{ http2: true }`. Returns a function that sends a request to it. */
export async function overHttp2 (t: Test, app: FastifyInstance): Promise<Send> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const session = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  t.teardown(() => session.destroy())
  return async (headers, payload) => {
    const request = session.request(headers)
    request.end(payload)
    const [response] = await once(request, 'response') as [IncomingHttpHeaders & { ':status'?: number }]
    let body = ''
    request.setEncoding('utf8').on('data', chunk => { body += chunk })
    await once(request, 'end')
    return { status: response[':status'], body }
  }
}
