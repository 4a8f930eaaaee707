/**
 * How long to wait before the next attempt.
 */
import t, { type Test } from 'tap'
import { backoffMs } from '../../lib/worker/backoff.ts'
import type { BackoffOptions, BackoffStrategy } from '../../lib/types.ts'

const CENTURY = 3_155_760_000_000
const error = new Error('boom')

const wait = (backoff: unknown, attempt = 1, strategies: Record<string, BackoffStrategy> = {}): number =>
  backoffMs(attempt, backoff as BackoffOptions, strategies, error)
const waits = (backoff: unknown, attempts: number[], strategies?: Record<string, BackoffStrategy>): number[] =>
  attempts.map(attempt => wait(backoff, attempt, strategies))

function randomly (t: Test, value: number): void {
  const { random } = Math
  t.teardown(() => { Math.random = random })
  Math.random = () => value
}

t.test('the strategies there are', async (t) => {
  t.strictSame(waits({ strategy: 'immediate', delay: 500 }, [1, 2, 9]), [0, 0, 0])
  t.strictSame(waits({ strategy: 'fixed', delay: 500 }, [1, 2, 9]), [500, 500, 500])
  t.strictSame(waits({ strategy: 'exponential', delay: 500 }, [1, 2, 3, 4, 11]), [500, 1_000, 2_000, 4_000, 512_000])
})

t.test('delay is a second where it is left out', async (t) => {
  t.equal(wait({ strategy: 'fixed' }), 1_000)
  t.strictSame(waits({ strategy: 'exponential', delay: undefined }, [1, 2]), [1_000, 2_000])
})

t.test('max caps every strategy', async (t) => {
  const strategies = { mine: () => 5_000 }
  t.strictSame(waits({ strategy: 'exponential', delay: 500, max: 1_500 }, [1, 2, 3, 60]), [500, 1_000, 1_500, 1_500])
  t.equal(wait({ strategy: 'fixed', delay: 500, max: 100 }), 100)
  t.equal(wait({ strategy: 'mine', max: 100 }, 1, strategies), 100)
  t.equal(wait({ strategy: 'mine', max: 10_000 }, 1, strategies), 5_000)
})

t.test('jitter draws from zero up to the wait, after the cap', async (t) => {
  const backoff = { strategy: 'exponential', delay: 1_000, max: 3_000, jitter: true }
  for (const [random, expected] of [[0, [0, 0, 0]], [0.5, [500, 1_000, 1_500]], [0.9999999, [1_000, 2_000, 3_000]]] as const) {
    randomly(t, random)
    t.strictSame(waits(backoff, [1, 2, 3]), expected, `random ${random}`)
  }
})

t.test('jitter keeps its bounds, and is not one number', async (t) => {
  const drawn = new Set(Array.from({ length: 1_000 }, () => wait({ strategy: 'fixed', delay: 1_000_000, jitter: true })))
  t.ok([...drawn].every(ms => Number.isInteger(ms) && ms >= 0 && ms <= 1_000_000))
  t.ok(drawn.size > 900)
})

t.test('without jitter nothing is drawn', async (t) => {
  randomly(t, 0)
  for (const jitter of [undefined, false, null, 'true', 1]) t.equal(wait({ strategy: 'fixed', delay: 500, jitter }), 500)
})

t.test('a strategy of the app\'s own is given the attempt, the options and the error', async (t) => {
  const seen: unknown[][] = []
  const strategies = { mine: (...args: unknown[]) => { seen.push(args); return 12.6 } }
  t.equal(wait({ strategy: 'mine', max: 50 }, 3, strategies), 13, 'in whole ms')
  t.strictSame(seen, [[3, { strategy: 'mine', max: 50, delay: 1_000 }, error]])
  t.equal(wait({ strategy: 'fixed' }, 1, { fixed: () => 7 }), 7, 'it may take the place of a built-in one')
})

t.test('an own strategy that gives no wait is taken for exponential', async (t) => {
  const broken: unknown[] = [NaN, -1, Infinity, -Infinity, '5', null, undefined, {}, [5], 5n, Promise.resolve(5)]
  for (const value of broken) t.strictSame(waits({ strategy: 'mine', delay: 100 }, [1, 3], { mine: () => value as number }), [100, 400], String(value))
  t.strictSame(waits({ strategy: 'mine', delay: 100 }, [1, 3], { mine: () => { throw new Error('broken') } }), [100, 400])
})

t.test('an unknown strategy is taken for exponential', async (t) => {
  for (const strategy of ['cubic', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty', undefined, null, 5, {}, []]) {
    t.strictSame(waits({ strategy, delay: 100 }, [1, 3]), [100, 400], String(strategy))
  }
})

t.test('a strategy that is no name at all, from a record of another\'s', async (t) => {
  const backoff = JSON.parse('{"strategy":{"toString":null,"valueOf":null},"delay":100}')
  t.strictSame(waits(backoff, [1, 3]), [100, 400])
})

t.test('a delay that is none is taken for left out', async (t) => {
  for (const delay of [0, -5, NaN, '100', null, true, {}, [5]]) {
    t.equal(wait({ strategy: 'fixed', delay }), 1_000, String(delay))
    t.equal(wait({ strategy: 'exponential', delay }, 2), 2_000, String(delay))
  }
})

t.test('a max that is none does not cap', async (t) => {
  for (const max of [0, -5, NaN, '100', null, true, {}, [5]]) t.equal(wait({ strategy: 'fixed', delay: 500, max }), 500, String(max))
})

t.test('whatever the attempt and the options, the wait is one that a date can hold', async (t) => {
  const strategies = { huge: () => Number.MAX_VALUE, tiny: () => Number.MIN_VALUE }
  for (const attempt of [1, 31, 32, 53, 64, 1_024, 1_000_000, Number.MAX_SAFE_INTEGER]) {
    for (const strategy of ['fixed', 'exponential', 'huge', 'tiny', 'unknown']) {
      for (const delay of [1, 2 ** 31 - 1, Number.MAX_VALUE, Infinity]) {
        const ms = wait({ strategy, delay, max: Infinity }, attempt, strategies)
        t.ok(Number.isSafeInteger(ms) && ms >= 0 && ms <= CENTURY, `${strategy} ${delay} at ${attempt}: ${ms}`)
      }
    }
  }
  t.equal(wait({ strategy: 'exponential', delay: 1_000 }, 60), CENTURY)
})
