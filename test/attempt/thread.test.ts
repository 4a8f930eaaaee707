/**
 * Tasks that run in threads: the same task, with the same outcomes.
 */
import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { build, errorOf, logger, reaches, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'
import type { DefineOptions, TaskHandle, TasksOptions } from '../../lib/types.ts'

const thread = new URL('../fixtures/threads/deeds.ts', import.meta.url)

interface Bench {
  app: FastifyInstance
  log: ReturnType<typeof logger>
  enqueue: (deed: string, data?: object) => Promise<TaskHandle<any, any>>
  /** Enqueues a task and returns its result. */
  run: (deed: string, data?: object) => Promise<any>
}

/** An app whose task `x` runs in a thread. `deed` is the name of a function in fixtures/threads/deeds.ts. */
async function bench (t: Test, define: DefineOptions = {}, options: TasksOptions = {}): Promise<Bench> {
  const log = logger()
  const app = await build(t, { worker: true, threads: { max: 2 }, ...options }, app => {
    app.tasks.define('x', { thread, ...define })
  }, { logger: { stream: log.stream } } as FastifyServerOptions)
  const enqueue: Bench['enqueue'] = (deed, data = {}) => app.tasks.enqueue('x', { do: deed, ...data })
  return { app, log, enqueue, run: async (deed, data) => (await enqueue(deed, data)).result({ timeout: 60_000 }) }
}

/** The record of a task that failed. */
async function fails ({ app, enqueue }: Bench, deed: string, data?: object): Promise<any> {
  return reaches(app, (await enqueue(deed, data)).id, 'failed')
}

t.test('a handler in a thread gets the task\'s fields', async t => {
  const b = await bench(t, { retries: 2 })
  t.type(await b.run('thread'), 'number')
  t.not(await b.run('thread'), 0)
  const handle = await b.enqueue('facts', { value: { a: [1, null, 'é'] } })
  t.same(await handle.result({ timeout: 60_000 }), {
    id: handle.id,
    name: 'x',
    queue: 'default',
    data: { do: 'facts', value: { a: [1, null, 'é'] } },
    attempt: 1,
    attempts: 3,
    requestId: null,
    traceparent: null,
    tracestate: null,
    aborted: false
  })
  b.app.tasks.define('route', { thread })
  t.equal(await b.run('thread'), await b.run('thread'), 'the same thread')
})

t.test('a handler in a thread gets the request id and the trace', async t => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { thread })
    app.get('/x', async () => (await app.tasks.enqueue('x', { do: 'facts' })).result({ timeout: 60_000 }))
  })
  const response = await app.inject({ url: '/x', headers: { traceparent, tracestate: 'a=1' } })
  t.match(response.json(), { requestId: 'req-1', traceparent, tracestate: 'a=1' })
})

t.test('results: the same rules as for a handler in the process', async t => {
  const b = await bench(t, {}, { maxResultSize: 1_000 })
  for (const value of [null, 0, '', false, { a: { b: [1.5, 'é'] } }]) {
    t.same(await b.run('echo', { value }), value)
  }
  t.equal(await b.run('echo'), null, 'undefined')
  t.equal(await b.run('date'), '1970-01-01T00:00:00.000Z')
  t.match(await fails(b, 'function'), { error: { code: 'FST_TASKS_RESULT_INVALID', message: /a function/ } })
  t.match(await fails(b, 'bigint'), { error: { code: 'FST_TASKS_RESULT_INVALID' } })
  t.match(await fails(b, 'circular'), { error: { code: 'FST_TASKS_RESULT_INVALID', message: /circular/ } })
  t.match(await fails(b, 'long', { length: 2_000 }), {
    error: { code: 'FST_TASKS_RESULT_TOO_LARGE', message: /2002 bytes/ }
  })
})

t.test('schemas: data is validated in the app, result and progress are serialised there', async t => {
  const data = {
    type: 'object',
    required: ['value'],
    properties: {
      do: { type: 'string' },
      value: { type: 'integer' },
      more: { type: 'string', default: 'filled in' }
    }
  }
  const parts = { type: 'object', properties: { value: { type: 'integer' }, more: { type: 'string' } } }
  const result = { type: 'object', properties: { data: parts } }
  const progress = { type: 'object', properties: { step: { type: 'string' } } }
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('facts', { thread, schema: { data, result } })
    app.tasks.define('progress', { thread, schema: { progress } })
  })
  t.match(await errorOf(app.tasks.enqueue('facts', { do: 'facts' })), { code: 'FST_ERR_VALIDATION' })
  const handle = await app.tasks.enqueue('facts', { do: 'facts', value: '42' })
  t.same(await handle.result({ timeout: 60_000 }), { data: { value: 42, more: 'filled in' } })
  const { id } = await app.tasks.enqueue('progress', { do: 'progress' })
  t.match(await reaches(app, id, 'succeeded'), { stage: 'WHOLE', progress: { step: '2' }, result: 'done' })
})

t.test('progress: stored at once, in order, also if the handler does not await it', async t => {
  const b = await bench(t, {}, { maxProgressSize: 100 })
  const { id } = await b.enqueue('progress')
  t.match(await reaches(b.app, id, 'succeeded'), { stage: 'WHOLE', progress: { step: 2 } })
  const many = await b.enqueue('manyReports')
  t.match(await reaches(b.app, many.id, 'succeeded'), { progress: 3_000 }, 'every report is stored before the outcome')
  t.match(await b.run('invalidProgress', { progress: 'x'.repeat(200) }), {
    code: 'FST_TASKS_PROGRESS_INVALID', message: /202 bytes/
  })
  t.same(await b.run('invalidProgress', { progress: 'short' }), {})
  const computing = await b.enqueue('progressWhileComputing')
  const progressOf = async (): Promise<number> => (await computing.status())!.progress as number
  await until('the progress is stored while the thread computes', async () => await progressOf() > 2)
  t.equal(await computing.cancel(), 'requested')
  await reaches(b.app, computing.id, 'cancelled')
})

t.test('log: lines go to the app\'s logger, with its level, its formats and the task\'s fields', async t => {
  const b = await bench(t)
  const handle = await b.enqueue('log')
  t.same(await handle.result({ timeout: 60_000 }), ['info', 'function'])
  const lines = b.log.lines.filter(line => line.taskId === handle.id && line.msg !== 'task completed')
  t.equal(lines.length, 3)
  t.match(lines[0], { level: 30, task: 'x', attempt: 1, msg: 'text filled in' })
  t.match(lines[1], { level: 40, part: 1, of: 'child', n: 5, fn: /Function/, msg: 'with an error' })
  t.match(lines[1].err, { message: 'bad', code: 'E_BAD', stack: /TypeError: bad\n.*deeds/ })
  t.match(lines[2], { level: 50, msg: 'alone', err: { code: 'E_ALONE' } })
})

t.test('log: a line that the app\'s logger refuses fails its attempt, and not the process', async t => {
  const log = logger()
  const serializers = { user: ({ id }: { id: number }) => id }
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { thread })
  }, { logger: { stream: log.stream, serializers } } as FastifyServerOptions)
  for (const how of ['field', 'child', 'noBindings']) {
    const { id } = await app.tasks.enqueue('x', { do: 'refusedLog', how })
    t.match((await reaches(app, id, 'failed')).error, { message: /null|missing bindings/ }, how)
  }
  t.equal(await (await app.tasks.enqueue('x', { do: 'echo', value: 1 })).result({ timeout: 60_000 }), 1)
})

t.test('log: symbols, and errors that are not native', async t => {
  const b = await bench(t)
  const { id } = await b.enqueue('oddLog')
  await reaches(b.app, id, 'succeeded')
  const lines = b.log.lines.filter(line => line.taskId === id && line.level === 40)
  t.match(lines[0], { a: 'Symbol(a)', msg: 'a symbol' })
  t.match(lines[1], { msg: 'gone', err: { name: 'AbortError', message: 'gone', code: '20' } })
})

t.test('errors: all fields are kept; retries and Unrecoverable work as in the process', async t => {
  const b = await bench(t, { retries: 1, backoff: { strategy: 'immediate' } }, { exposeStack: true })
  t.match(await fails(b, 'throw', { message: 'out of range', code: 'E_MINE' }), {
    attempt: 2,
    error: {
      name: 'RangeError', message: 'out of range', code: 'E_MINE', stack: /RangeError: out of range\n.*deeds/
    }
  })
  t.match(await fails(b, 'throw', { message: 'why', code: 'FST_TASKS_UNRECOVERABLE' }), {
    attempt: 1, error: { message: 'why', code: 'FST_TASKS_UNRECOVERABLE' }
  })
  const { id } = await b.enqueue('throw', { message: 'later', retryAfter: 3_600_000 })
  await reaches(b.app, id, 'retrying')
  t.equal(await b.app.tasks.cancel(id), 'cancelled')
  const thrownString = await fails(b, 'throwOdd', { value: 'a string' })
  t.match(thrownString, { error: { name: 'Error', message: 'a string', code: null } })
  t.match(await fails(b, 'throwOdd'), { error: { message: 'undefined' } })
  t.match(await fails(b, 'throwFunction'), { error: { message: /^a function/ } })
})

t.test('a thread that dies fails its own attempt only', async t => {
  const b = await bench(t, {}, { threads: { max: 2, maxHeap: 128 } })
  const other = await b.enqueue('wait') // its thread loads the test's modules too: about 30 MB with coverage
  await until('the other task runs', () => b.log.find('waiting'))
  t.match(await fails(b, 'exit'), {
    attempt: 1, progress: 'about to exit', error: { code: 'FST_TASKS_THREAD_DIED', message: /code: 7/ }
  })
  t.match(await fails(b, 'uncaught'), { error: { code: 'FST_TASKS_THREAD_DIED', message: /nobody catches this/ } })
  t.match(await fails(b, 'uncaughtNull'), { error: { code: 'FST_TASKS_THREAD_DIED' } })
  t.match(await fails(b, 'memory'), { error: { code: 'FST_TASKS_THREAD_DIED', message: /memory/ } })
  t.match(await other.status(), { state: 'active', attempt: 1 })
  await other.cancel()
  t.equal(await b.run('echo', { value: 'next task' }), 'next task')
})

t.test('an error thrown after its task has completed is logged, and the next task gets a new thread', async t => {
  const b = await bench(t, {}, { threads: { max: 1 } })
  t.equal(await b.run('crashLater'), 'done')
  await until('the error is logged', () => b.log.find('thread.died'))
  t.equal(b.log.find('thread.died').err.message, 'left behind')
  t.equal(await b.run('echo', { value: 1 }), 1)
})

t.test('more tasks than threads: tasks wait for a thread, in their order', async t => {
  const b = await bench(t, {}, { threads: { max: 1 }, worker: false })
  const entries = Array.from({ length: 8 }, (_, n) => ({ data: { do: n % 4 ? 'thread' : 'exit' } }))
  const handles = await b.app.tasks.enqueueMany('x', entries)
  await b.app.tasks.startWorker({ concurrency: 10 }) // one claim takes them all, in their order
  await Promise.allSettled(handles.map(handle => handle.result({ timeout: 30_000 })))
  const records = await Promise.all(handles.map(async handle => (await handle.status())!))
  for (const [n, record] of records.entries()) {
    t.equal(record.state, n % 4 ? 'succeeded' : 'failed', 'also after a thread died')
  }
  const ended = records.map(record => record.finishedAt!)
  t.same(ended, ended.toSorted())
})

t.test('files: a path or a URL; ESM, CJS, a default export inside a default export', async t => {
  const folder = t.testdir({
    'esm.mjs': 'export default async (data) => ["esm", data]',
    'cjs.cjs': 'module.exports = async (data) => ["cjs", data]',
    'wrapped.cjs': 'module.exports = { __esModule: true, default: data => ["wrapped", data] }',
    'none.mjs': 'export const other = 1',
    'broken.mjs': 'export default function (',
    'throws.mjs': 'throw Object.assign(new Error("at import"), { code: "E_IMPORT" })'
  })
  const app = await build(t, { worker: true }, app => {
    for (const name of ['esm.mjs', 'cjs.cjs', 'wrapped.cjs', 'none.mjs', 'broken.mjs', 'throws.mjs']) {
      app.tasks.define(name, { thread: `${folder}/${name}` })
    }
    app.tasks.define('url', { thread: pathToFileURL(`${folder}/esm.mjs`) })
    app.tasks.define('href', { thread: pathToFileURL(`${folder}/esm.mjs`).href })
    app.tasks.define('relative', { thread: `./${folder.slice(process.cwd().length + 1)}/esm.mjs` })
  })
  const run = async (name: string): Promise<unknown> => (await app.tasks.enqueue(name, 1)).result({ timeout: 60_000 })
  for (const name of ['esm.mjs', 'url', 'href', 'relative']) t.same(await run(name), ['esm', 1], name)
  t.same(await run('cjs.cjs'), ['cjs', 1])
  t.same(await run('wrapped.cjs'), ['wrapped', 1])
  const fails = async (name: string): Promise<unknown> => reaches(app, (await app.tasks.enqueue(name)).id, 'failed')
  t.match(await fails('none.mjs'), {
    error: { code: 'FST_TASKS_THREAD_INVALID', message: /none\.mjs.*must export a handler as default, but exports other\./ }
  })
  t.match(await fails('broken.mjs'), { error: { name: 'SyntaxError' } })
  t.match(await fails('throws.mjs'), { error: { code: 'E_IMPORT', message: 'at import' } })
})

t.test('define refuses a file that does not exist, and a thread with a handler', async t => {
  const app = await build(t)
  const folder = t.testdir({ 'there.js': '' })
  t.match(await errorOf(() => app.tasks.define('a', { thread: './nowhere.js' })), {
    code: 'FST_TASKS_THREAD_NOT_FOUND',
    message: new RegExp(`${process.cwd()}/nowhere\\.js\\. .*import\\.meta\\.url`)
  })
  t.match(await errorOf(() => app.tasks.define('a', { thread: folder })), { code: 'FST_TASKS_THREAD_NOT_FOUND' })
  t.match(await errorOf(() => app.tasks.define('a', { thread: `${folder}/there.js` }, () => {})), {
    code: 'FST_TASKS_OPTION_CLASH', message: /"thread" and "handler"/
  })
  app.tasks.define('a', { thread: `${folder}/there.ts` })
  app.tasks.define('b', { thread: `${folder}/there.js` })
})

/** The number of threads of this process. */
const countThreads = (): number => (process.report!.getReport() as any).workers.length

t.test('threads start when a task needs them, one for each processor, and end with the app', ALONE, async t => {
  const b = await bench(t, {}, { threads: undefined })
  b.app.tasks.define('here', () => {})
  const others = countThreads() // those of the test runner
  const threads = (): number => countThreads() - others
  await (await b.app.tasks.enqueue('here')).result({ timeout: 60_000 })
  t.ok(threads() <= 1, 'no more than the guard of prefetched tasks')
  await Promise.all(Array.from({ length: 3 * availableParallelism() }, () => b.run('echo')))
  t.ok(threads() > 0 && threads() <= availableParallelism() + 1)
  await b.app.close()
  await until('the threads have ended', () => threads() === 0)
})
