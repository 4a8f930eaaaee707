/**
 * What happens once in each turn of the event loop.
 */
import { setImmediate } from '../../timers.ts'

const open = new WeakSet<object>()

/** True for the first call with this key in a turn of the event loop. Then `atEnd` is called at the end of the turn. */
export function isFirstOfTick (key: object, atEnd: () => void): boolean {
  if (open.has(key)) return false
  open.add(key)
  setImmediate(() => {
    open.delete(key)
    atEnd()
  })
  return true
}
