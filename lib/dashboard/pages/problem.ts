/**
 * Pages that say why there is no other.
 */
import { html } from '../html.ts'
import type { Page } from '../context.ts'

const problem = (status: number, title: string, message: string): Page =>
  ({ title, section: '', status, body: html`<p>${message}</p>` })

export const notFound = (message: string): Page => problem(404, 'Not found', message)
export const invalid = (message: string): Page => problem(400, 'Nothing was done', message)
export const refused = (message: string): Page => problem(403, 'Not allowed', message)

/** Errors of ours say what to do. What others say stays in the log. */
export function failed (error: { code?: string, message: string, statusCode?: number }): Page {
  const isOurs = error.code?.startsWith('FST_TASKS_') ?? false
  const status = error.statusCode ?? 500
  const message = isOurs ? error.message : 'Something went wrong. The log of the app says what.'
  return problem(status, status === 503 ? 'Redis is not available' : 'Error', message)
}
