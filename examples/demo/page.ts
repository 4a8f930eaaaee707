// Serves the demo's page: three files, and the inbox of the demo's mail server.
import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'

const files = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/demo.js', file: 'demo.js', type: 'text/javascript; charset=utf-8' },
  { path: '/demo.css', file: 'demo.css', type: 'text/css; charset=utf-8' }
]

const headers = {
  'content-security-policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
    "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache'
}

export async function page (fastify: FastifyInstance): Promise<void> {
  for (const { path, file, type } of files) {
    fastify.get(path, async (_request, reply) =>
      reply.headers(headers).type(type).send(await readFile(new URL(`./page/${file}`, import.meta.url))))
  }

  // The CSP allows the page to connect only to its own server, so this server reads the inbox for it.
  const inboxUrl = process.env.INBOX_URL
  if (inboxUrl) fastify.get('/inbox', async () => (await fetch(inboxUrl)).json())
}
