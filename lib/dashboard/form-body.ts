/**
 * The bodies of forms. In the page's own scope: an app may have a parser of its own, or none.
 */
import type { FastifyInstance } from 'fastify'
import type { Fields } from './actions.ts'

const BODY_LIMIT = 1_048_576

export function acceptForms (scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  const options = { parseAs: 'string' as const, bodyLimit: BODY_LIMIT }
  scope.addContentTypeParser<string>('application/x-www-form-urlencoded', options, (_request, body, done) => {
    done(null, fieldsOf(body))
  })
}

function fieldsOf (body: string): Fields {
  const fields: Fields = Object.create(null)
  for (const [name, value] of new URLSearchParams(body)) (fields[name] ??= []).push(value)
  return fields
}
