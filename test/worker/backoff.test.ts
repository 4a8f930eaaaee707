/**
 * How long to wait before the next attempt.
 */
import t, { type Test } from 'tap'
import { backoffMs } from '../../lib/worker/backoff.ts'
import { ALONE } from '../support/room.ts'
import type { BackoffOptions, BackoffStrategy } from '../../lib/types.ts'

const CENTURY = 3_155_760_000_000
const error = new Error('boom')

const wait = (backoff: unknown, attempt = 1, strategies: Record<string, BackoffStrategy> = {}): number =>
  backoffMs(attempt, backoff as BackoffOptions, strategies, error)
const waits = (backoff: unknown, attempts: number[], strategies?: Record<string, BackoffStrategy>): number[] =>
  attempts.map(attempt => wait(backoff, attempt, strategies))

/** `Math.random` gives this value until the test ends. */
function fixRandom (t: Test, value: number): void {
  const { random } = Math
  t.teardown(() => { Math.random = random })
  Math.random = () => value
}

t.test('the built-in strategies', async (t) => {
  t.strictSame(waits({ strategy: 'immediate', delay: 500 }, [1, 2, 9]), [0, 0, 0])
  t.strictSame(waits({ strategy: 'fixed', delay: 500 }, [1, 2, 9]), [500, 500, 500])
  t.strictSame(waits({ strategy: 'exponential', delay: 500 }, [1, 2, 3, 4, 11]), [500, 1_000, 2_000, 4_000, 512_000])
})

t.test('the default delay is a second', async (t) => {
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

t.test('a strategy that is async gives no wait, and its rejection ends no process', async (t) => {
  const strategies = { mine: (() => Promise.reject(new Error('no'))) as () => any }
  t.strictSame(waits({ strategy: 'mine', delay: 500 }, [1, 2], strategies), [500, 1_000])
  await new Promise(resolve => { setImmediate(resolve) })
})

t.test('jitter: a random wait between zero and the capped wait', ALONE, async (t) => {
  const backoff = { strategy: 'exponential', delay: 1_000, max: 3_000, jitter: true }
  const cases = [[0, [0, 0, 0]], [0.5, [500, 1_000, 1_500]], [0.9999999, [1_000, 2_000, 3_000]]] as const
  for (const [random, expected] of cases) {
    fixRandom(t, random)
    t.strictSame(waits(backoff, [1, 2, 3]), expected, `random ${random}`)
  }
})

t.test('jitter stays within its bounds and gives different waits', async (t) => {
  const backoff = { strategy: 'fixed', delay: 1_000_000, jitter: true }
  const different = new Set(Array.from({ length: 1_000 }, () => wait(backoff)))
  t.ok([...different].every(ms => Number.isInteger(ms) && ms >= 0 && ms <= 1_000_000))
  t.ok(different.size > 900)
})

t.test('without jitter the wait is not random', ALONE, async (t) => {
  fixRandom(t, 0)
  for (const jitter of [undefined, false, null, 'true', 1]) {
    t.equal(wait({ strategy: 'fixed', delay: 500, jitter }), 500)
  }
})

t.test('a custom strategy gets the attempt, the options and the error', async (t) => {
  const seen: unknown[][] = []
  const strategies = { mine: (...args: unknown[]) => { seen.push(args); return 12.6 } }
  t.equal(wait({ strategy: 'mine', max: 50 }, 3, strategies), 13, 'in whole ms')
  t.strictSame(seen, [[3, { strategy: 'mine', max: 50, delay: 1_000 }, error]])
  t.equal(wait({ strategy: 'fixed' }, 1, { fixed: () => 7 }), 7, 'it may replace a built-in strategy')
})

t.test('a custom strategy without a valid result: exponential is used', async (t) => {
  const broken: unknown[] = [NaN, -1, Infinity, -Infinity, '5', null, undefined, {}, [5], 5n, Promise.resolve(5)]
  const backoff = { strategy: 'mine', delay: 100 }
  for (const value of broken) {
    t.strictSame(waits(backoff, [1, 3], { mine: () => value as number }), [100, 400], String(value))
  }
  t.strictSame(waits(backoff, [1, 3], { mine: () => { throw new Error('broken') } }), [100, 400])
})

t.test('an unknown strategy: exponential is used', async (t) => {
  const names = ['cubic', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty']
  for (const strategy of [...names, undefined, null, 5, {}, []]) {
    t.strictSame(waits({ strategy, delay: 100 }, [1, 3]), [100, 400], String(strategy))
  }
})

t.test('a strategy that is not a string, from a record that another program wrote: exponential is used', async (t) => {
  const backoff = JSON.parse('{"strategy":{"toString":null,"valueOf":null},"delay":100}')
  t.strictSame(waits(backoff, [1, 3]), [100, 400])
})

t.test('an invalid delay: the default is used', async (t) => {
  for (const delay of [0, -5, NaN, '100', null, true, {}, [5]]) {
    t.equal(wait({ strategy: 'fixed', delay }), 1_000, String(delay))
    t.equal(wait({ strategy: 'exponential', delay }, 2), 2_000, String(delay))
  }
})

t.test('an invalid max does not cap', async (t) => {
  for (const max of [0, -5, NaN, '100', null, true, {}, [5]]) {
    t.equal(wait({ strategy: 'fixed', delay: 500, max }), 500, String(max))
  }
})

t.test('for every attempt and all options the next attempt has a valid date', async (t) => {
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
