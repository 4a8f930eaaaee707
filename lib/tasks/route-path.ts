/**
 * The path of the status route, of a request.
 */
import { currentParams } from './request-context.ts'

/**
 * A parameter in the prefix under which the app registers the plugin, as the router reads it: `/:tenant`, `/v:version`,
 * `/:from-:to`, `/:id(^\d+$)`. The last may have groups of two levels. Two colons are one of the path.
 */
const PARAM = /::|:([^/.(-]+)(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?/g

/** A text for the start of such a path: the colon of `https://…:3000` names no parameter. */
export const withoutParams = (text: string): string => text.replaceAll(':', '::')

/** What a URL must not have as it is. A `%` stays: the app's `publicBase` may be encoded. */
const UNSAFE = /[^\x21-\x7e]+/g

/** As a header and a client take it: the app may write its paths in any script. */
const encoded = (path: string): string => path.replace(UNSAFE, encodeURIComponent)

/** The parameters of the current request, filled in. Null if it has not all of them. */
export function withParams (path: string): string | null {
  if (!path.includes(':')) return encoded(path)
  const params = currentParams()
  let isWhole = true
  const filled = path.replaceAll(PARAM, (whole, name) => {
    if (whole === '::') return ':'
    const value = params[name]
    isWhole &&= typeof value === 'string'
    return encodeURIComponent(String(value))
  })
  return isWhole ? encoded(filled) : null
}
