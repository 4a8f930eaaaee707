/**
 * A signal for the end of a client's connection.
 */
import type { FastifyReply } from 'fastify'

/** Aborted when the client disconnects. It may have done so already, while `authorize` was running. */
export function clientDisconnect ({ raw }: FastifyReply): AbortSignal {
  const { stream } = raw as { stream?: { destroyed: boolean } } // HTTP/2
  if (raw.destroyed || stream?.destroyed) return AbortSignal.abort()
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}
