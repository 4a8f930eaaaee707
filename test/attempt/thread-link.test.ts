/**
 * The thread's end of the port, without a thread: the messages that it sends, and what it does with the replies.
 */
import { MessageChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { toFailure } from '../../lib/records/failure.ts'
import { ThreadLink } from '../../lib/attempt/thread-link.ts'
import run from '../../lib/attempt/thread-entry.ts'
import {
  reviveError, deserializeLogArg, type FromThread, type SerializedLogArg, type TaskMeta, type ToThread
} from '../../lib/attempt/thread-messages.ts'
import { errorOf, until } from '../support/helpers.ts'

const meta: TaskMeta = {
  id: 'i',
  name: 'x',
  queue: 'default',
  attempt: 1,
  attempts: 1,
  requestId: null,
  traceparent: null,
  tracestate: null,
  schedule: null,
  level: 'info',
  levels: ['fatal', 'error', 'warn', 'info'],
  maxResultSize: 100,
  maxProgressSize: 50,
  isProgressFiltered: false
}

/** The app's end of a port. */
interface AppPort {
  /** Messages from the thread. */
  received: FromThread[]
  send: (message: ToThread) => void
  /** The thread's end. */
  port: MessageChannel['port2']
}

function appPort (t: Test): AppPort {
  const { port1, port2 } = new MessageChannel()
  const received: FromThread[] = []
  port1.on('message', message => received.push(message))
  t.teardown(() => port1.close())
  return { received, send: message => port1.postMessage(message), port: port2 }
}

t.test('signal: a message aborts it; the reason has the code', async t => {
  const { send, port } = appPort(t)
  const task = new ThreadLink(meta, null, port)
  t.notOk(task.signal.aborted)
  send({ kind: 'abort', reason: toFailure(Object.assign(new Error('late'), { code: 'FST_TASKS_TIMEOUT' })) })
  t.ok(task.signal.aborted, 'without a turn of the event loop')
  t.match(task.signal.reason, { message: 'late', code: 'FST_TASKS_TIMEOUT' })
})

t.test('progress: stored, refused, and values that cannot be sent', async t => {
  const { received, send, port } = appPort(t)
  const task = new ThreadLink(meta, null, port)
  const first = task.updateState('A')
  const second = errorOf(task.updateState('B', { n: 1 }))
  const third = task.reportProgress(null)
  await until('the reports are received', () => received.length === 3)
  t.same(received, [
    { kind: 'report', call: 1, stage: 'A' },
    { kind: 'report', call: 2, stage: 'B', json: '{"n":1}' },
    { kind: 'report', call: 3, json: 'null' }
  ])
  const refused = Object.assign(new Error('no'), { code: 'FST_TASKS_PROGRESS_INVALID' })
  send({ kind: 'reported', call: 2, failure: toFailure(refused) })
  send({ kind: 'reported', call: 99, failure: toFailure(new Error('for an unknown call')) })
  send({ kind: 'reported', call: 1, failure: null })
  await first
  t.match(await second, { code: 'FST_TASKS_PROGRESS_INVALID', message: 'no' })
  const expected = { code: 'FST_TASKS_PROGRESS_INVALID', message: /"x" must be JSON of at most 50/ }
  for (const invalid of [1n, () => {}, undefined, 'x'.repeat(50)]) {
    t.throws(() => void task.reportProgress(invalid), expected, 'at once: nobody may await the promise')
  }
  for (const stage of [5, 'x'.repeat(257)] as any[]) t.throws(() => void task.updateState(stage), expected)
  const filtered = new ThreadLink({ ...meta, isProgressFiltered: true }, null, appPort(t).port)
  t.doesNotThrow(() => void filtered.reportProgress('x'.repeat(50)), 'the app knows its size when fields are removed')
  task.close()
  await third
  await task.updateState('after the end')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(received.length, 3, 'nothing is sent after close')
})

t.test('log: lines below the level are not sent; values that cannot be cloned are sent as text', async t => {
  const { received, port } = appPort(t)
  const { log } = new ThreadLink(meta, null, port)
  log.debug('no')
  log.trace('no')
  log.silent('no')
  log.fatal({ err: Object.assign(new Error('bad'), { code: 'E_BAD' }), list: [1], none: null }, 'text %s', 'x')
  log.child({ a: 1 }).warn({ fn: () => {}, deep: { fn: () => {} } })
  log.info(null)
  await until('the lines are received', () => received.length === 3)
  const lines = received.map(message => {
    const { level, args, bindings } = message as FromThread & { kind: 'log' }
    return [level, (args as SerializedLogArg[]).map(deserializeLogArg), bindings.map(deserializeLogArg)]
  })
  t.match(lines, [
    ['fatal', [{ err: { message: 'bad', code: 'E_BAD' }, list: [1], none: null }, 'text %s', 'x'], []],
    ['warn', [{ fn: /Function/, deep: /fn: \[Function/ }], [{ a: 1 }]],
    ['info', [null], []]
  ])
})

t.test('a run: its result, its error, and a file without a handler', async t => {
  const handler = `export default (data, task) => {
    if (data.fail) throw Object.assign(new Error("why"), { code: "E", retryAfter: 5 })
    return data.odd ? BigInt(1) : data.value
  }`
  const folder = t.testdir({ 'a.mjs': handler, 'none.mjs': '' })
  const runFile = (data: any, file = 'a.mjs', more: object = {}): Promise<any> =>
    run({ file: `${folder}/${file}`, data, meta: { ...meta, ...more }, port: appPort(t).port })
  t.same(await runFile({ value: { a: 1 } }), { json: '{"a":1}' })
  t.same(await runFile({}), { json: undefined })
  t.match(await runFile({ odd: true }), { failure: { error: { code: 'FST_TASKS_RESULT_INVALID' }, retryable: false } })
  t.match(await runFile({ value: 'x'.repeat(200) }), { failure: { error: { code: 'FST_TASKS_RESULT_TOO_LARGE' } } })
  t.match(await runFile({ value: 'x'.repeat(200) }, 'a.mjs', { maxResultSize: null }), { json: /x{200}/ })
  const { failure } = await runFile({ fail: true })
  t.match(toFailure(reviveError(failure)), failure, 'the revived error is complete')
  t.match(await runFile({}, 'none.mjs'), {
    failure: { error: { code: 'FST_TASKS_THREAD_INVALID', message: /must export a handler as default, but exports nothing\./ } }
  })
})

t.test('many reports: some are on their way, the newest follows when one was stored, and at the end', async t => {
  const { received, send, port } = appPort(t)
  const task = new ThreadLink(meta, null, port)
  const reports = Array.from({ length: 100 }, (_, n) => task.reportProgress(n))
  await until('the first ones came', () => received.length === 16)
  send({ kind: 'reported', call: 1, failure: null })
  await reports[0]
  await until('the newest came', () => received.length === 17)
  t.same(received[16], { kind: 'report', call: 17, json: '99' })
  void task.updateState('LATE')
  void task.reportProgress(100)
  task.close()
  await until('the last came', () => received.length === 18)
  t.same(received[17], { kind: 'report', call: 18, stage: 'LATE', json: '100' })
  await Promise.all(reports)
})
