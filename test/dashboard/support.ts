/**
 * What tests of the page share: an app with the page, and requests to it as a browser makes them.
 */
import type { Test } from 'tap'
import type { FastifyInstance, FastifyServerOptions, LightMyRequestResponse as Reply } from 'fastify'
import dashboard, { type DashboardOptions } from '../../lib/dashboard.ts'
import { build, randomPrefix } from '../support/helpers.ts'
import type { TasksOptions } from '../../lib/types.ts'

interface Setup {
  page?: Partial<DashboardOptions>
  tasks?: TasksOptions
  define?: (app: FastifyInstance) => unknown
  server?: FastifyServerOptions
}

export const PATH = '/admin/tasks'

/** An app whose page everybody may operate, unless `page` says other. */
export function appWithPage (t: Test, { page, tasks, define, server }: Setup = {}): Promise<FastifyInstance> {
  return build(t, { prefix: randomPrefix(), ...tasks }, app => {
    define?.(app)
    app.register(dashboard, { prefix: PATH, access: 'anyone-may-operate', ...page })
  }, server)
}

export const get = (app: FastifyInstance, path: string, headers: Record<string, string> = {}): Promise<Reply> =>
  app.inject({ url: `${PATH}/${path}`, headers })

/** The page and those behind it, as one text: on a busy machine a search ends earlier, and the next has the rest. */
export async function getAll (app: FastifyInstance, path: string): Promise<string> {
  const { body } = await get(app, path)
  const [, next] = /rel="next" href="([^"]+)"/.exec(body) ?? []
  if (!next) return body
  const [page] = path.split('?')
  return body + await getAll(app, `${page}${next.replaceAll('&amp;', '&').replace(/^[^?]*/, '')}`)
}

export const post = (
  app: FastifyInstance, action: string, fields: Record<string, string>, headers: Record<string, string> = {}
): Promise<Reply> => app.inject({
  method: 'POST',
  url: `${PATH}/actions/${action}`,
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  payload: `${new URLSearchParams(fields)}`
})
