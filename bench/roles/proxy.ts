/** The process between a worker and Redis that adds latency, as a network does. */
import { TcpProxy } from '../../chaos/proxy.ts'

export interface ProxyRole {
  url (): string
  /** @param ms added in each direction */
  slow (options: { ms: number }): void
}

export async function proxy (port: number): Promise<ProxyRole> {
  const proxy = await TcpProxy.open(port)
  return { url: () => proxy.url, slow: ({ ms }) => proxy.set('slow', ms) }
}
