/**
 * Fewer writes to Redis. Each write wakes it up, which costs more than everything else about a small command.
 */
import { isFirstOfTick } from './tick.ts'

interface Corkable { stream?: { cork (): void, uncork (): void } }

/**
 * Everything that is sent inside goes out in one write, and Redis replies in one. No effect in a cluster, whose client
 * has several streams.
 */
export function pipelined (client: object, send: () => void): void {
  const { stream } = client as Corkable
  stream?.cork()
  try {
    send()
  } finally {
    stream?.uncork()
  }
}

/** Sends at once. Everything else that is sent in this turn of the event loop goes out in one write at its end. */
export function corkForTick<T> (client: object, send: () => T): T {
  const { stream } = client as Corkable
  const sent = send()
  if (stream && isFirstOfTick(stream, () => stream.uncork())) stream.cork()
  return sent
}
