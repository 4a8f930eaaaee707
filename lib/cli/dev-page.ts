/**
 * The dashboard under `fastify-tasks dev`, for the machine on which it runs. It asks for no login, so it answers
 * neither other machines nor a site that gave its own name this machine's address (DNS rebinding), nor the scripts of
 * other sites in a browser on this machine: the app may let them read its answers (CORS), and so ours.
 */
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import dashboard from '../dashboard.ts'
import { isFromOwnPage, requestedHost } from '../dashboard/access.ts'
import * as errors from '../errors.ts'
import type { AppRegistry } from '../boot/app-registry.ts'

const PATH = '/_tasks'

const isLoopback = (address: string): boolean =>
  /^(::ffff:)?127(\.\d+){3}$/.test(address) || address === '::1'

/** Whether a Host header names this machine. */
function namesThisMachine (host: string): boolean {
  const name = /^(\[.*\]|[^:]*)(:\d+)?$/.exec(host)?.[1]?.toLowerCase() ?? ''
  const address = name.replace(/^\[(.*)\]$/, '$1')
  return isIP(address) > 0 ? isLoopback(address) : name === 'localhost' || name.endsWith('.localhost')
}

/** A tunnel on this machine brings requests of others, and may rewrite their Host. It says for whom it asks. */
function isForwarded ({ forwarded, 'x-forwarded-for': given = '' }: FastifyRequest['headers']): boolean {
  const addresses = String(given).split(',').map(address => address.trim()).filter(Boolean)
  return forwarded !== undefined || !addresses.every(isLoopback)
}

/** A link of another site may lead here: its scripts cannot read the page that the browser shows then. */
const isOfOtherSite = (request: FastifyRequest): boolean =>
  request.headers['sec-fetch-mode'] !== 'navigate' && !isFromOwnPage(request, [])

type Done = (error?: Error) => void

function checkMachine (request: FastifyRequest, _reply: unknown, done: Done): void {
  const { socket, headers } = request
  const name = requestedHost(headers) ?? ''
  const isHere = isLoopback(socket.remoteAddress ?? '') && !isForwarded(headers) && namesThisMachine(name)
  done(isHere && !isOfOtherSite(request) ? undefined : new errors.DevPageRefused())
}

/** Mounts a page for each plugin instance of an app that is not ready yet. Returns their paths. */
export async function mountDevPages (app: FastifyInstance, { instances }: AppRegistry): Promise<string[]> {
  const paths: string[] = []
  for (const [i, { tasks: { name } }] of instances.entries()) {
    const prefix = i === 0 ? PATH : `${PATH}-${name}`
    if (app.hasRoute({ method: 'GET', url: prefix }) || app.hasRoute({ method: 'GET', url: `${prefix}/` })) continue
    await app.register(dashboard, {
      prefix,
      instance: name,
      onRequest: checkMachine,
      access: 'anyone-may-operate',
      redact: ({ data }) => data,
      title: `${name} (dev)`
    })
    paths.push(prefix)
  }
  return paths
}
