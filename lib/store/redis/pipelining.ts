/**
 * Fewer writes to Redis: each write wakes it, and costs more than all else that a small call does.
 */

interface Corkable { stream?: { cork (): void, uncork (): void } }

/** What is sent inside goes out in one write, and Redis answers in one. A cluster has several streams: no effect there. */
export function pipelined (client: object, send: () => void): void {
  const { stream } = client as Corkable
  stream?.cork()
  try {
    send()
  } finally {
    stream?.uncork()
  }
}

const corked = new WeakSet<object>()
/** The real one: with a fake of a test the app's connection would stand still. */
const { setImmediate } = globalThis

/** Sends at once. What else is sent in this turn of the event loop goes out in one write at its end. */
export function corkForTick<T> (client: object, send: () => T): T {
  const { stream } = client as Corkable
  const sent = send()
  if (!stream || corked.has(stream)) return sent
  corked.add(stream)
  stream.cork()
  setImmediate(() => {
    corked.delete(stream)
    stream.uncork()
  })
  return sent
}
