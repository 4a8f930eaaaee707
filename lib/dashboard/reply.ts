/**
 * How a page is sent.
 */
import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { layout } from './layout.ts'
import type { Page, PageContext } from './context.ts'

const CSP = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
  "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"
].join('; ')

/** An onRequest hook. */
export function setHeaders (_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.headers({
    'content-security-policy': CSP,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'x-robots-tag': 'noindex, nofollow',
    'cache-control': 'no-store'
  })
  done()
}

/** 304 if our script has it already. */
export function sendPage (context: PageContext, page: Page): FastifyReply {
  const { reply, request } = context
  const text = layout(context, page).toString()
  const etag = `"${hash('sha1', text, 'base64url')}"`
  reply.code(page.status ?? 200).type('text/html; charset=utf-8').header('etag', etag)
  const isKnown = request.method === 'GET' && !page.status && request.headers['if-none-match'] === etag
  if (isKnown) return reply.code(304).send()
  return reply.send(text)
}
