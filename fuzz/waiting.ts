/**
 * A latch, and polling for a condition.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Latch {
  readonly promise: Promise<void>
  open (): void
}

export function newLatch (): Latch {
  let open!: () => void
  const promise = new Promise<void>(resolve => { open = resolve })
  return { promise, open }
}

/**
 * Polls until a condition holds.
 * @param describe text about the current state, for the error
 * @param deadline ms after which it throws an error with `title`
 */
export async function until (
  title: string,
  condition: () => Promise<boolean>,
  describe: () => Promise<string> | string = () => '',
  deadline = 3_000
): Promise<void> {
  const end = Date.now() + deadline
  for (let pause = 1; !await condition(); pause = Math.min(pause * 2, 20)) {
    if (Date.now() > end) throw new Error(`not within ${deadline} ms: ${title} ${await describe()}`)
    await sleep(pause)
  }
}
