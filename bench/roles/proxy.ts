/** The process between a worker and Redis that makes their way longer, as a network does. */
import { Link } from '../../chaos/proxy.ts'

/** @param delay ms that are added each way */
export async function proxy (delay: number, port: number): Promise<{ url: () => string }> {
  const link = await Link.open(port)
  link.set('slow', delay)
  return { url: () => link.url }
}
