/** The process between a worker and Redis that adds latency, as a network does. */
import { Link } from '../../chaos/proxy.ts'

export interface ProxyRole {
  url (): string
  /** @param ms added in each direction */
  slow (options: { ms: number }): void
}

export async function proxy (port: number): Promise<ProxyRole> {
  const link = await Link.open(port)
  return { url: () => link.url, slow: ({ ms }) => link.set('slow', ms) }
}
