/** The process that sends HTTP requests, with autocannon. */
import autocannon from 'autocannon'

export interface LoadOptions {
  url: string
  method: 'GET' | 'POST'
  body?: string
  paths: string[]
  connections: number
  /** In seconds. */
  duration: number
}

export const load = async (): Promise<{ run: (options: LoadOptions) => Promise<number> }> => ({ run })

/** Answers a second. Throws if an answer is no success, because error answers would count too. */
async function run ({ url, method, body, paths, connections, duration }: LoadOptions): Promise<number> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const requests = paths.map(path => ({ method, path, body, headers }))
  const result = await autocannon({ url, connections, duration, requests })
  const { non2xx, errors, timeouts } = result
  if (non2xx + errors + timeouts > 0) {
    throw new Error(`${method} ${url}: ${non2xx} answers with an error status, ${errors} errors, ${timeouts} timeouts`)
  }
  return result.requests.total / result.duration
}
