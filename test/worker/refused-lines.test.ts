/**
 * Lines of ours that the app's logger refuses: a serializer of the app expects more of an error than it has.
 */
import { pino } from 'pino'
import t from 'tap'
import { steadyLog } from '../../lib/steady-log.ts'
import { PersistentCalls } from '../../lib/worker/persistent-call.ts'
import { build, logger, reaches } from '../support/helpers.ts'

const serializers = { err: (error: any) => ({ status: error.response.status }) }

t.test('a task that fails, with retryIf and hooks: the worker goes on, and the log has the messages', async t => {
  const { stream, find } = logger()
  const fail = (message: string) => (): never => { throw new Error(message) }
  const hooks = { onError: fail('of the hook'), retryIf: fail('of retryIf') }
  const backoff = { strategy: 'immediate' } as const
  const app = await build(t, { worker: { concurrency: 1 } }, app => {
    app.tasks.define('bad', { retries: 1, backoff, ...hooks }, fail('of the handler'))
    app.tasks.define('good', () => 'ran')
  }, { logger: { stream, serializers } } as any)
  const { id } = await app.tasks.enqueue('bad')
  t.match(await reaches(app, id, 'failed'), { attempt: 2, error: { message: 'of the handler' } })
  t.equal(await (await app.tasks.enqueue('good')).result({ timeout: 60_000 }), 'ran')
  for (const [event, error] of [
    ['task.retry_if_failed', 'of retryIf'], ['task.hook_failed', 'of the hook'],
    ['task.retrying', 'of the handler'], ['task.failed', 'of the handler']
  ]) t.match(find(event!), { error, taskId: id }, event)
})

t.test('a call of a worker that fails is repeated', async t => {
  const { stream, lines } = logger()
  const log = steadyLog(() => pino({ serializers }, stream))
  const calls = new PersistentCalls(log, { instance: 'i', worker: 'w', onCallFailed: () => {} })
  t.teardown(() => calls.close())
  const reply = await calls.retryUntilClosed('claim', async again => {
    if (!again) throw new Error('READONLY of Redis')
    return 'reply'
  })
  t.equal(reply, 'reply')
  t.match(lines, [
    { event: 'redis.call_failed', error: 'READONLY of Redis' }, { event: 'redis.recovered' }
  ])
})

t.test('a log that takes no line at all', async t => {
  const refuse = (): never => { throw new Error('no line') }
  const log = steadyLog(refuse)
  const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const
  for (const level of levels) log[level]({ event: 'x' }, 'a line')
  t.pass('none of its methods throws')
})
