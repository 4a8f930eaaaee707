// Looks again and again until something holds; an error counts as "not yet".
import { setTimeout as delay } from 'node:timers/promises'

export async function poll<T> (what: string, within: number, look: () => Promise<T | false | null | undefined>): Promise<T> {
  const deadline = Date.now() + within
  for (;;) {
    const found = await look().catch(() => null)
    if (found) return found
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${what}`)
    await delay(20)
  }
}
