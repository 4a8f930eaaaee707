/** The process that sends requests: autocannon. */
import autocannon from 'autocannon'

export interface Shot {
  url: string
  method: 'GET' | 'POST'
  body?: string
  paths: string[]
  connections: number
  /** In seconds. */
  duration: number
}

export const load = async (): Promise<{ fire: (shot: Shot) => Promise<number> }> => ({ fire })

/** Answers a second. Throws where one was no success: that would be another figure. */
async function fire ({ url, method, body, paths, connections, duration }: Shot): Promise<number> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const requests = paths.map(path => ({ method, path, body, headers }))
  const { requests: { total }, duration: seconds, non2xx, errors, timeouts } = await autocannon({ url, connections, duration, requests })
  if (non2xx + errors + timeouts > 0) throw new Error(`${method} ${url}: ${non2xx} answers were no success, ${errors} errors, ${timeouts} timeouts`)
  return total / seconds
}
