/**
 * The path of the status route, of a request.
 */
import { currentParams } from './request-context.ts'

/** A parameter in the prefix under which the app registers the plugin: `/:tenant`. */
const PARAM = /(?<=\/):(\w+)(\([^)]*\))?/g

/** The parameters of the current request, filled in. Null if it has not all of them. */
export function withParams (path: string): string | null {
  const params = currentParams()
  const filled = path.replaceAll(PARAM, (whole, name) =>
    typeof params[name] === 'string' ? encodeURIComponent(params[name]) : whole)
  return filled.includes('/:') ? null : filled
}
