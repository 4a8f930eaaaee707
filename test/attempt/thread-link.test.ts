/**
 * What a handler in a thread is given, without the thread: what it says over its port, and what it makes of the answers.
 */
import { MessageChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { toFailure } from '../../lib/records/failure.ts'
import { ThreadLink } from '../../lib/attempt/thread-link.ts'
import run from '../../lib/attempt/thread-entry.ts'
import { reviveError, deserializeLogArg, type FromThread, type SerializedLogArg, type TaskMeta, type ToThread } from '../../lib/attempt/thread-messages.ts'
import { errorOf, until } from '../support/helpers.ts'

const facts: TaskMeta = { id: 'i', name: 'x', queue: 'default', attempt: 1, attempts: 1, requestId: null, traceparent: null, tracestate: null, level: 'info', levels: ['fatal', 'error', 'warn', 'info'], maxResultSize: 100, maxProgressSize: 50 }

interface Near { heard: FromThread[], say: (message: ToThread) => void, port: MessageChannel['port2'] }

/** The app's end of the port. */
function near (t: Test): Near {
  const { port1, port2 } = new MessageChannel()
  const heard: FromThread[] = []
  port1.on('message', message => heard.push(message))
  t.teardown(() => port1.close())
  return { heard, say: message => port1.postMessage(message), port: port2 }
}

t.test('the signal: aborted by a message, with a reason that has its code', async t => {
  const { say, port } = near(t)
  const task = new ThreadLink(facts, null, port)
  t.notOk(task.signal.aborted)
  say({ kind: 'abort', reason: toFailure(Object.assign(new Error('late'), { code: 'FST_TASKS_TIMEOUT' })) })
  t.ok(task.signal.aborted, 'without a pause')
  t.match(task.signal.reason, { message: 'late', code: 'FST_TASKS_TIMEOUT' })
})

t.test('reports: answered, refused, and what cannot be said at all', async t => {
  const { heard, say, port } = near(t)
  const task = new ThreadLink(facts, null, port)
  const [first, second, third] = [task.updateState('A'), errorOf(task.updateState('B', { n: 1 })), task.reportProgress(null)]
  await until('they are heard', () => heard.length === 3)
  t.same(heard, [{ kind: 'report', call: 1, stage: 'A', json: undefined }, { kind: 'report', call: 2, stage: 'B', json: '{"n":1}' }, { kind: 'report', call: 3, json: 'null' }])
  say({ kind: 'reported', call: 2, failure: toFailure(Object.assign(new Error('no'), { code: 'FST_TASKS_PROGRESS_INVALID' })) })
  say({ kind: 'reported', call: 99, failure: toFailure(new Error('to nobody')) })
  say({ kind: 'reported', call: 1, failure: null })
  await first
  t.match(await second, { code: 'FST_TASKS_PROGRESS_INVALID', message: 'no' })
  for (const bad of [1n, () => {}, undefined]) t.match(await errorOf(() => task.reportProgress(bad)), { code: 'FST_TASKS_PROGRESS_INVALID', message: /"x" must be JSON of at most 50/ })
  task.close()
  await third
  await task.updateState('after the end')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(heard.length, 3, 'it says no more')
})

t.test('the log: what is below its level is not sent; what cannot be cloned is text', async t => {
  const { heard, port } = near(t)
  const { log } = new ThreadLink(facts, null, port)
  log.debug('no')
  log.trace('no')
  log.silent('no')
  log.fatal({ err: Object.assign(new Error('bad'), { code: 'E_BAD' }), list: [1], none: null }, 'text %s', 'x')
  log.child({ a: 1 }).warn({ fn: () => {}, deep: { fn: () => {} } })
  log.info(null)
  await until('they are heard', () => heard.length === 3)
  const lines = heard.map(one => { const { level, args, bindings } = one as FromThread & { kind: 'log' }; return [level, (args as SerializedLogArg[]).map(deserializeLogArg), bindings.map(deserializeLogArg)] })
  t.match(lines, [
    ['fatal', [{ err: { message: 'bad', code: 'E_BAD' }, list: [1], none: null }, 'text %s', 'x'], []],
    ['warn', [{ fn: /Function/, deep: /fn: \[Function/ }], [{ a: 1 }]],
    ['info', [null], []]
  ])
})

t.test('a run: what it returns and throws; the file that has no handler', async t => {
  const folder = t.testdir({ 'a.mjs': 'export default (data, task) => { if (data.fail) throw Object.assign(new Error("why"), { code: "E", retryAfter: 5 }); return data.odd ? BigInt(1) : data.value }', 'none.mjs': '' })
  const answer = (data: any, file = 'a.mjs', more: object = {}): Promise<any> => run({ file: `${folder}/${file}`, data, meta: { ...facts, ...more }, port: near(t).port })
  t.same(await answer({ value: { a: 1 } }), { json: '{"a":1}' })
  t.same(await answer({}), { json: undefined })
  t.match(await answer({ odd: true }), { failure: { error: { code: 'FST_TASKS_RESULT_INVALID' }, retryable: false } })
  t.match(await answer({ value: 'x'.repeat(200) }), { failure: { error: { code: 'FST_TASKS_RESULT_TOO_LARGE' } } })
  t.match(await answer({ value: 'x'.repeat(200) }, 'a.mjs', { maxResultSize: null }), { json: /x{200}/ })
  const { failure } = await answer({ fail: true })
  t.match(toFailure(reviveError(failure)), failure, 'nothing of it is lost on its way')
  t.match(await answer({}, 'none.mjs'), { failure: { error: { code: 'FST_TASKS_THREAD_INVALID', message: /exports nothing, and no handler/ } } })
})
