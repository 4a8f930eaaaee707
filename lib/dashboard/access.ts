/**
 * Who may look and act, and whether a form was sent by the page itself.
 */
import type { FastifyRequest } from 'fastify'
import { describeKind } from '../describe.ts'
import { isObject } from '../options/rule-kinds.ts'
import type { DashboardSettings } from '../options.ts'
import type { DashboardAccess, DashboardRight } from '../types.ts'

const RIGHTS: DashboardRight[] = ['data', 'retry', 'cancel', 'remove', 'purge', 'pause', 'trigger']

export type Rights = Record<DashboardRight, boolean>

const rights = (has: (right: DashboardRight) => boolean): Rights =>
  Object.fromEntries(RIGHTS.map(right => [right, has(right)])) as Rights

const OPEN = { 'anyone-may-read': 'read', 'anyone-may-operate': 'operate' } as const

/** Null: may not look. An answer that is not among those that are known gives no right. */
export async function rightsOf ({ access }: DashboardSettings, request: FastifyRequest): Promise<Rights | null> {
  const answer: DashboardAccess = typeof access === 'function' ? await access(request) : OPEN[access]
  if (answer === 'operate') return rights(() => true)
  if (answer === 'read') return rights(() => false)
  if (!answer) return null
  if (isAccess(answer)) return rights(right => answer[right] === true)
  logInvalid(request, answer)
  return null
}

/** An error, a user or `{ read: false }` must not open the page: an object names rights and nothing else. */
const isAccess = (answer: unknown): answer is Partial<Rights> =>
  isObject(answer) && isPlain(answer) && Object.entries(answer).every(([name, value]) =>
    RIGHTS.some(right => right === name) && (value === undefined || typeof value === 'boolean'))

const isPlain = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value))

function logInvalid ({ log }: FastifyRequest, answer: unknown): void {
  const fields = { event: 'dashboard.access_invalid', answer: describeKind(answer) }
  log.warn(fields, 'access of the dashboard returned no known answer: the request is refused')
}

/**
 * Whether a form comes from a page of this origin. Without sessions: by what browsers say of a request, as Go's
 * CrossOriginProtection does (https://go.dev/issue/73626). A browser sends Sec-Fetch-Site over https and on localhost,
 * and Origin with every form; a request without both comes from no browser.
 */
export function isFromOwnPage (request: FastifyRequest, trustedOrigins: readonly string[]): boolean {
  const { 'sec-fetch-site': site, origin } = request.headers
  if (origin !== undefined && trustedOrigins.includes(origin)) return true
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === requestedHost(request.headers))
}

/** The name under which the client reached the server. HTTP/2 has another header for it. */
export const requestedHost = (headers: FastifyRequest['headers']): string | undefined =>
  (headers[':authority'] as string | undefined) ?? headers.host
