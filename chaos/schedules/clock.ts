/**
 * A wall clock for this process that can be stepped. Imported before anything that reads the time. The monotonic clock
 * and timers are the machine's, as with a real step.
 */
const RealDate = Date
let offset = 0

/** The time of the machine. */
export const machineTime = (): number => RealDate.now()

const now = (): number => RealDate.now() + offset

globalThis.Date = class extends RealDate {
  constructor (...values: any[]) {
    super(...(values.length === 0 ? [now()] : values) as [number])
  }

  static override now (): number { return now() }
} as DateConstructor

/** Sets the clock to this many ms ahead of the machine's. */
export function stepClock (ms: number): void { offset = ms }
