/**
 * Pages that say why there is no other.
 */
import { tryOr } from '../../describe.ts'
import { toFailure } from '../../records/failure.ts'
import { html } from '../html.ts'
import type { Page } from '../context.ts'

const problem = (status: number, title: string, message: string): Page =>
  ({ title, section: '', status, body: html`<p>${message}</p>` })

export const notFound = (message: string): Page => problem(404, 'Not found', message)
export const invalid = (message: string): Page => problem(400, 'Nothing was done', message)
export const refused = (message: string): Page => problem(403, 'Not allowed', message)

const UNKNOWN = 'Something went wrong. The log of the app says what.'
const REFUSED = 'The app does not accept this request.'

/** Anything can be thrown, with a `statusCode` of any type: an error is answered as an error. */
export function statusOf (thrown: unknown): number {
  const status: unknown = tryOr(() => (thrown as any).statusCode, undefined)
  return Number.isInteger(status) && status as number >= 400 && status as number < 600 ? status as number : 500
}

/** Errors of ours say what to do. What others say stays in the log. */
export function failed (thrown: unknown): Page {
  const status = statusOf(thrown)
  const isOurs = toFailure(thrown).error.code?.startsWith('FST_TASKS_') ?? false
  const words = isOurs ? (thrown as Error).message : status < 500 ? REFUSED : UNKNOWN
  return problem(status, status === 503 ? 'Redis is not available' : 'Error', words)
}
