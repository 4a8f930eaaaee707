// Polls until `check` returns a truthy value, and returns it. An error counts as "not yet".
import { setTimeout as delay } from 'node:timers/promises'

/** @param title for the error @param within ms after which it throws */
export async function poll<T> (
  title: string, within: number, check: () => Promise<T | false | null | undefined>
): Promise<T> {
  const deadline = Date.now() + within
  for (;;) {
    const found = await check().catch(() => null)
    if (found) return found
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${title}`)
    await delay(20)
  }
}
