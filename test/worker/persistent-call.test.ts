/**
 * A worker's calls: repeated until they succeed or the worker closes, and logged at a bounded rate.
 */
import { pino } from 'pino'
import t from 'tap'
import { PersistentCalls } from '../../lib/worker/persistent-call.ts'
import { logger, until } from '../support/helpers.ts'

function makeCalls () {
  const log = logger()
  let failures = 0
  const owner = { instance: 'instance', worker: 'worker', onCallFailed: () => { failures++ } }
  return { calls: new PersistentCalls(pino({}, log.stream), owner), log, failures: () => failures }
}

const READONLY = 'READONLY You can\'t write against a read only replica.'
const failing = async (): Promise<never> => { throw new Error(READONLY) }

t.test('a close settles a call that gets no reply, and no call is made after it', async t => {
  const { calls } = makeCalls()
  const unanswered = calls.retryUntilClosed('claim', () => new Promise(() => {}))
  const repeated = calls.retryUntilClosed('settle', failing)
  calls.close()
  t.same(await Promise.all([unanswered, repeated]), [undefined, undefined])
  t.equal(await calls.retryUntilClosed('claim', async () => t.fail('a call after the close')), undefined)
})

t.test('a server that refuses writes and answers reads: one line, and one when it takes writes again', async t => {
  const { calls, log, failures } = makeCalls()
  let refuses = true
  const settled = calls.retryUntilClosed('settle', async () => refuses ? failing() : 'written')
  for (let i = 0; i < 5; i++) {
    await calls.retryUntilClosed('claim', async () => 'nothing to claim')
    await until('the call is repeated', () => failures() > i)
  }
  t.match(log.lines, [{ event: 'redis.call_failed', call: 'settle', err: { message: /^READONLY/ } }])
  t.equal(log.lines.length, 1)
  refuses = false
  t.equal(await settled, 'written')
  t.same(log.lines.map(({ event }) => event), ['redis.call_failed', 'redis.recovered'])
})
