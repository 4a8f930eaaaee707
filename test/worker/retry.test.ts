import type { FastifyInstance } from 'fastify'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import {
  build, connect, errorOf, inRedis, latch, logger, memoryMode, pass, randomPrefix, reaches, until, where
} from '../support/helpers.ts'
import type { TaskRecord } from '../../lib/types.ts'

/** When the task's current attempt started, in ms of Redis' clock (in memory mode, of its virtual clock). */
const startOf = async (app: FastifyInstance, id: string): Promise<number> =>
  Date.parse((await app.tasks.status(id))!.startedAt!)

t.test('attempts are 1 + retries', async t => {
  const seen: number[] = []
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { retries: 2, backoff: { strategy: 'immediate' } }, (_data, task) => {
      seen.push(task.attempt)
      throw new Error(`no ${task.attempt}`)
    })
  })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'failed'), { attempt: 3, attempts: 3, error: { message: 'no 3' } })
  t.same(seen, [1, 2, 3])
})

t.test('options of the enqueue override those of the task, which override those of the plugin', async t => {
  const app = await build(t, { retries: 5, backoff: { strategy: 'immediate' } }, app => {
    app.tasks.define('plain')
    app.tasks.define('own', { retries: 2 })
  })
  t.equal((await app.tasks.enqueue('plain')).snapshot!.attempts, 6)
  t.equal((await app.tasks.enqueue('own')).snapshot!.attempts, 3)
  t.equal((await app.tasks.enqueue('own', 1, { retries: 0 })).snapshot!.attempts, 1)
})

t.test('backoff', async t => {
  const starts: number[] = []
  const waits: number[] = []
  const strategies = { mine: (attempt: number) => { waits.push(attempt); return attempt * 50 } }
  const app = await build(t, { worker: true, backoffStrategies: strategies }, app => {
    app.tasks.define('x', async (_data, task) => {
      starts.push(await startOf(app, task.id))
      if (task.attempt < 4) throw new Error('no')
    })
  })
  const gaps = async (options: object): Promise<number[]> => {
    starts.length = 0
    const { id } = await app.tasks.enqueue('x', 1, { retries: 3, ...options })
    await pass(app, 1_000)
    await reaches(app, id, 'succeeded')
    return starts.slice(1).map((start, i) => start - starts[i]!)
  }
  // No upper bound: the benchmark measures how late attempts start. Times are whole ms, so 2 ms less is allowed.
  const atLeast = (actual: number[], expected: number[]): boolean => actual.every((gap, i) => gap >= expected[i]! - 2)
  t.ok(atLeast(await gaps({ backoff: { strategy: 'fixed', delay: 100 } }), [100, 100, 100]))
  t.ok(atLeast(await gaps({ backoff: { strategy: 'exponential', delay: 50 } }), [50, 100, 200]))
  t.ok(atLeast(await gaps({ backoff: { strategy: 'exponential', delay: 50, max: 60 } }), [50, 60, 60]))
  t.ok(atLeast(await gaps({ backoff: { strategy: 'mine' } }), [50, 100, 150]))
  t.same(waits, [1, 2, 3])
  t.match(await errorOf(app.tasks.enqueue('x', 1, { backoff: { strategy: 'yours' } })), {
    code: 'FST_TASKS_TASK_OPTION_INVALID', message: /immediate, fixed, exponential, mine.*yours/
  })
})

t.test('the next attempt waits for error.retryAfter', async t => {
  const starts: number[] = []
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { retries: 2, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      starts.push(await startOf(app, task.id))
      if (task.attempt === 1) throw Object.assign(new Error('busy'), { retryAfter: 200 })
      if (task.attempt === 2) throw Object.assign(new Error('busy'), { retryAfter: new Date(Date.now() + 400) })
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await pass(app, 1_000)
  await reaches(app, id, 'succeeded')
  t.ok(starts[1]! - starts[0]! >= 198 && starts[2]! - starts[1]! >= 198)
})

t.test('Unrecoverable fails the task at once', async t => {
  const app = await build(t, { worker: true, retries: 5 }, app => {
    app.tasks.define('x', () => { throw new tasks.Unrecoverable('no such user') })
  })
  const { id } = await app.tasks.enqueue('x')
  t.match(await reaches(app, id, 'failed'), {
    attempt: 1, attempts: 6, error: { code: 'FST_TASKS_UNRECOVERABLE', message: 'no such user' }
  })
})

t.test('retry(id) queues a failed task again, with all its attempts; it refuses every other task', async t => {
  let good = false
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      await task.reportProgress(task.attempt)
      if (!good) throw new Error('no')
      return 'yes'
    })
  })
  const { id } = await app.tasks.enqueue('x', { a: 1 })
  await reaches(app, id, 'failed')
  good = true
  const replies = await Promise.all(Array.from({ length: 10 }, () => app.tasks.retry(id)))
  t.equal(replies.filter(reply => reply === 'queued').length, 1, 'once, for any number of callers')
  t.match(await reaches(app, id, 'succeeded'), { attempt: 1, attempts: 2, result: 'yes', error: null, progress: 1 })
  t.equal(await app.tasks.retry(id), 'refused')
  t.equal(await app.tasks.retry('nobody'), 'unknown')
  const waiting = await app.tasks.enqueue('x', 1, { delay: 60_000 })
  t.equal(await app.tasks.retry(waiting.id), 'refused')
})

inRedis('the record keeps only the newest stacks, for Bee-Queue tools', 'reads Redis', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true, exposeStack: true }, app => {
    app.tasks.define('x', { retries: 8, backoff: { strategy: 'immediate' } }, (_data, task) => {
      throw new Error(`no ${task.attempt}`)
    })
  })
  const { id } = await app.tasks.enqueue('x')
  const { error } = await reaches(app, id, 'failed')
  t.match(error!.stack, /^Error: no 9/)
  const stored = JSON.parse((await connect(t).hget(`${prefix}:{default}:jobs`, id))!)
  t.equal(stored.options.stacktraces.length, 5)
})

t.test('a handler that throws what must not be looked at: the task retries, fails and keeps its name', async t => {
  const refuse = (): never => { throw new Error('do not look') }
  const app = await build(t, { ...where(), worker: true }, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'immediate' } }, () => {
      throw new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse, getPrototypeOf: refuse })
    })
  })
  const handle = await app.tasks.enqueue('x')
  t.equal((await errorOf(handle.result({ timeout: 60_000 }))).code, 'FST_TASKS_FAILED')
  t.match(await handle.status(), { name: 'x', state: 'failed', attempt: 2 })
})

t.test('a failure that is tried again is logged as a warning with the next time, the last one as an error', async t => {
  const log = logger()
  const backoff = { strategy: 'fixed', delay: 60_000 }
  const app = await build(t, { worker: true }, app => {
    app.tasks.define('x', { retries: 1, backoff }, () => { throw new Error('no') })
    app.tasks.define('never', { retries: 1, backoff }, () => { throw new tasks.Unrecoverable('no') })
  }, { logger: { stream: log.stream } })
  const { id } = await app.tasks.enqueue('x')
  const { dueAt } = await reaches(app, id, 'retrying')
  const line = await until('it is logged', () => log.find('task.retrying'))
  t.match(line, { level: 40, attempt: 1, attempts: 2, taskId: id, err: { message: 'no' } })
  t.ok(Math.abs(Date.parse(line.nextAttemptAt) - Date.parse(dueAt!)) < 5_000, `${line.nextAttemptAt} ${dueAt}`)
  t.notOk(log.find('task.failed'))
  const never = await app.tasks.enqueue('never')
  await reaches(app, never.id, 'failed')
  t.match(await until('it is logged', () => log.find('task.failed')), { level: 50, taskId: never.id })
  if (!memoryMode) return
  await pass(app, 60_000)
  t.match(log.lines.filter(({ event }) => event === 'task.failed')[1], { level: 50, taskId: id, attempt: 2 })
})

t.test('stage and progress of an attempt before: they stay until the next one reports others, null too', async t => {
  let [started, gate] = [latch(), latch()]
  const schema = { progress: { type: 'object', properties: { done: { type: 'integer' } } } }
  const app = await build(t, {}, app => {
    app.tasks.define('x', { retries: 1, backoff: { strategy: 'fixed', delay: 1 }, schema }, async (how, task) => {
      if (task.attempt === 1) {
        await task.updateState('FIRST', { done: 90 })
        throw new Error('no')
      }
      if (how === 'stage') await task.updateState('SECOND')
      if (how === 'both') await task.updateState('SECOND', null)
      if (how === 'progress') await task.reportProgress(null)
      started.open()
      await gate.promise
    })
  })
  await app.tasks.startWorker()
  const expected = {
    nothing: ['FIRST', { done: 90 }], stage: ['SECOND', { done: 90 }], both: ['SECOND', null], progress: ['FIRST', null]
  }
  for (const [how, state] of Object.entries(expected)) {
    [started, gate] = [latch(), latch()]
    const { id } = await app.tasks.enqueue('x', how)
    if (memoryMode) await reaches(app, id, 'retrying')
    await pass(app, 10, { wait: false })
    await started.promise
    const seen = ({ stage, progress }: TaskRecord<any, any>): unknown[] => [stage, progress]
    t.same(seen((await app.tasks.status(id))!), state, `${how}, while it runs`)
    gate.open()
    t.same(seen(await reaches(app, id, 'succeeded')), state, `${how}, when it has ended`)
  }
})

t.test('failedAttempts: the last ten, with times, worker and a short error; none for a task that succeeds', async t => {
  const app = await build(t, where(), app => {
    app.tasks.define('x', { backoff: { strategy: 'immediate' } }, (data, task) => {
      if (data === 'fails') throw Object.assign(new Error(`${task.attempt} ${'x'.repeat(5_000)}`), { code: 'ENO' })
    })
  })
  const worker = await app.tasks.startWorker()
  t.strictSame((await reaches(app, (await app.tasks.enqueue('x')).id, 'succeeded')).failedAttempts, [])
  const { id } = await app.tasks.enqueue('x', 'fails', { retries: 11 })
  const { failedAttempts, error } = await reaches(app, id, 'failed')
  t.strictSame(failedAttempts.map(({ attempt }) => attempt), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  t.strictSame(failedAttempts.map(({ outcome }) => outcome), [...Array(9).fill('retrying'), 'failed'])
  for (const { startedAt, finishedAt, error, worker: by } of failedAttempts) {
    t.ok(Date.parse(startedAt!) <= Date.parse(finishedAt))
    t.equal(by, worker.id)
    t.match(error, { name: 'Error', code: 'ENO', message: /^\d+ x+…$/ })
    t.equal(error.message.length, 500)
  }
  t.equal(error!.message.length, 4_096, 'the error of the record is longer')
  await app.tasks.retry(id)
  await reaches(app, id, 'failed')
  t.equal((await app.tasks.status(id))!.failedAttempts.length, 10)
})

t.test('retryIf says which failures are tried again; if it throws, all are', async t => {
  const log = logger()
  const asked: Array<[code: unknown, attempt: number]> = []
  const lasts: string[] = []
  const retries = { retries: 5, backoff: { strategy: 'immediate' } } as const
  const app = await build(t, { worker: true }, app => {
    app.tasks.addHook('onFailed', async task => { lasts.push(task.id) })
    app.tasks.define('x', {
      ...retries,
      timeout: 50,
      retryIf (error, attempt) {
        asked.push([error.code, attempt])
        return error.code === 'FST_TASKS_TIMEOUT'
      }
    }, async (_data, task) => {
      if (task.attempt > 2) throw Object.assign(new Error('no'), { code: 'E_NO' })
      await new Promise(resolve => { task.signal.addEventListener('abort', resolve) })
    })
    const rejects = (() => Promise.reject(new Error('later'))) as () => any
    const ofLibrary = (() => ({ then: () => {} })) as () => any
    for (const [name, retryIf] of [['later', rejects], ['library', ofLibrary]] as const) {
      app.tasks.define(name, { ...retries, retryIf }, (_data, task) => {
        if (task.attempt === 1) throw new Error('no')
      })
    }
    app.tasks.define('odd', { ...retries, retryIf: () => { throw new Error('odd') } }, (_data, task) => {
      if (task.attempt < 3) throw task.attempt === 1 ? new Error('no') : new tasks.Unrecoverable('no')
    })
  }, { logger: { stream: log.stream } })
  const { id } = await app.tasks.enqueue('x')
  const record = await reaches(app, id, 'failed')
  t.match(record, { attempt: 3, error: { code: 'E_NO' } })
  t.same(asked, [['FST_TASKS_TIMEOUT', 1], ['FST_TASKS_TIMEOUT', 2], ['E_NO', 3]])
  const odd = await app.tasks.enqueue('odd')
  t.match(await reaches(app, odd.id, 'failed'), { attempt: 2, error: { code: 'FST_TASKS_UNRECOVERABLE' } })
  t.same(lasts, [id, odd.id])
  t.match(log.find('task.retry_if_failed'), { level: 50, taskId: odd.id, err: { message: 'odd' } })
  for (const name of ['later', 'library']) {
    const { id } = await app.tasks.enqueue(name)
    t.match(await reaches(app, id, 'succeeded'), { attempt: 2 }, name)
    const line = log.lines.find(({ event, taskId }) => event === 'task.retry_if_failed' && taskId === id)
    const message = /"retryIf" must be a function that is not async/
    t.match(line, { err: { code: 'FST_TASKS_TASK_OPTION_INVALID', message } }, name)
  }
})

t.test('retryFor: no attempt after a failure so long after the first start; a retry by hand begins again', async t => {
  const app = await build(t, { worker: true }, app => {
    const backoff = { strategy: 'fixed', delay: 60 } as const
    app.tasks.define('x', { retries: 100, backoff, retryFor: 100 }, () => { throw new Error('no') })
  })
  const { id } = await app.tasks.enqueue('x')
  await pass(app, 1_000)
  const { attempt } = await reaches(app, id, 'failed')
  t.ok(attempt >= 2 && attempt <= 3, `${attempt} attempts`)
  t.equal(await app.tasks.retry(id), 'queued')
  await pass(app, 1_000)
  t.match(await reaches(app, id, 'failed'), { failedAttempts: { length: Number } })
  const { failedAttempts } = (await app.tasks.status(id))!
  t.ok(failedAttempts.length >= attempt + 2, 'it had more than one attempt again')
})
