import { endOfTurn } from '../../timers.ts'

/**
 * Delays a reply by one turn of the event loop, as a network would. Otherwise code that polls until something has
 * happened would keep it from happening.
 */
export async function afterEventLoopTurn<T> (reply: Promise<T> | T): Promise<T> {
  const value = await reply
  await endOfTurn()
  return value
}
