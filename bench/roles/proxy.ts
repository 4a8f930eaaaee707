/** The process between a worker and Redis that makes their way longer, as a network does. */
import { Link } from '../../chaos/proxy.ts'

export interface ProxyRole {
  url (): string
  /** @param ms that are added each way */
  slow (options: { ms: number }): void
}

export async function proxy (port: number): Promise<ProxyRole> {
  const link = await Link.open(port)
  return { url: () => link.url, slow: ({ ms }) => link.set('slow', ms) }
}
