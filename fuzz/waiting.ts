/**
 * Latches, and looking until something is so.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Latch {
  readonly promise: Promise<void>
  open (): void
}

export function latch (): Latch {
  let open!: () => void
  const promise = new Promise<void>(resolve => { open = resolve })
  return { promise, open }
}

/** Looks until it is so; fails with `what`, and what was seen, after the deadline (ms). */
export async function until (what: string, look: () => Promise<boolean>, tell: () => Promise<string> | string = () => '', deadline = 3_000): Promise<void> {
  const end = Date.now() + deadline
  for (let pause = 1; !await look(); pause = Math.min(pause * 2, 20)) {
    if (Date.now() > end) throw new Error(`not within ${deadline} ms: ${what} ${await tell()}`)
    await sleep(pause)
  }
}
