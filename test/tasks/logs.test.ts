/**
 * The logs of tasks with `keepLogs`: what is kept, who reads it, and when it is gone.
 */
import t, { type Test } from 'tap'
import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify'
import { commandsWith } from '../support/command.ts'
import {
  build, connect, errorOf, inRedis, latch, logger, memoryMode, randomPrefix, reaches, until
} from '../support/helpers.ts'
import type { TaskContext, TaskLogLine, TasksOptions } from '../../lib/types.ts'

const messages = (lines: TaskLogLine[]): string[] => lines.map(({ msg }) => msg)

t.test('lines are kept as the log writes them, with its redaction and its level', async t => {
  const { stream, lines } = logger()
  const options = { logger: { level: 'info', stream, redact: ['password'] } }
  const app = await build(t, {}, app => {
    app.tasks.define('x', { keepLogs: 65_536, retries: 1, backoff: { strategy: 'immediate' } }, (_data, task) => {
      task.log.info({ n: 1, password: 'secret' }, 'one %s', 'word')
      task.log.debug('not written')
      task.log.child({ part: 'b' }).warn('from a child')
      if (task.attempt === 1) throw new Error('again')
      task.log.error(new Error('broken'))
    })
    app.tasks.define('y', (_data, task) => { task.log.info('not kept') })
  }, options)
  await app.tasks.startWorker()
  const [{ id }, other] = [await app.tasks.enqueue('x'), await app.tasks.enqueue('y')]
  await reaches(app, id, 'succeeded')
  const log = await until('the end is stored', async () => {
    const read = (await app.tasks.logs(id))!
    return messages(read.lines).includes('broken') ? read : null
  })
  const ours = log.lines.filter(({ msg }) => ['one word', 'from a child', 'broken'].includes(msg))
  t.match(ours, [
    { level: 'info', attempt: 1, msg: 'one word', fields: { n: 1, password: '[Redacted]' } },
    { level: 'warn', attempt: 1, msg: 'from a child', fields: { part: 'b' } },
    { attempt: 2, msg: 'one word' }, { attempt: 2, msg: 'from a child' },
    { level: 'error', attempt: 2, msg: 'broken', fields: { err: { message: 'broken' } } }
  ])
  t.notOk((ours.at(-1)!.fields as any).err.stack, 'no stack')
  t.notOk(messages(log.lines).includes('not written'))
  t.ok(lines.some(line => line.msg === 'from a child' && line.part === 'b' && line.taskId === id), 'written as before')
  await reaches(app, other.id, 'succeeded')
  t.same((await app.tasks.logs(other.id))!.lines, [])
  t.equal(await app.tasks.logs('unknown'), null)
  const message = /must be a whole number, 0 to/
  t.match(await errorOf(app.tasks.logs(id, { after: -1 })), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message })
})

t.test('what is kept is bounded, and a chatty handler is batched', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', { keepLogs: 1_024, retries: 4, backoff: { strategy: 'immediate' } }, (_data, task) => {
      for (let n = 0; n < 1_000; n++) task.log.info(`line ${n}`)
      task.log.info('last')
      if (task.attempt < 5) throw new Error('again')
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await app.tasks.startWorker()
  await reaches(app, id, 'succeeded')
  const { lines, next } = (await app.tasks.logs(id))!
  t.ok(next < 15, `${next} parts`)
  t.ok(JSON.stringify(lines).length < 2_048, `${JSON.stringify(lines).length} characters`)
  t.equal(lines.at(-1)!.attempt, 5)
  t.ok(messages(lines).includes('last'))
})

t.test('a line that is too long loses its fields, and the end of its message', async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', { keepLogs: 65_536 }, (_data, task) => {
      task.log.info({ long: 'x'.repeat(100_000) }, 'y'.repeat(3_000))
      task.log.info({ big: 1n, fine: 'yes' } as object, 'no JSON')
    })
  })
  const { id } = await app.tasks.enqueue('x')
  await app.tasks.startWorker()
  await reaches(app, id, 'succeeded')
  const [long, noJson] = (await app.tasks.logs(id))!.lines
  t.match(long, { msg: `${'y'.repeat(2_048)}…`, fields: null })
  t.match(noJson, { msg: 'no JSON', fields: null })
})

t.test('lines come while the task runs, and only new ones after an earlier call', async t => {
  const [go, more] = [latch(), latch()]
  const app = await build(t, { routes: { authorize: request => request.headers.user === 'me' } }, app => {
    app.tasks.define('x', { keepLogs: 65_536 }, async (_data, task) => {
      task.log.info('first')
      await go.promise
      task.log.info('second')
      await more.promise
    })
  })
  await app.tasks.startWorker()
  const { id } = await app.tasks.enqueue('x')
  const get = async (query = '', user = 'me'): Promise<any> => {
    const { statusCode, body } = await app.inject({ url: `/tasks/${id}/logs${query}`, headers: { user } })
    return { statusCode, ...JSON.parse(body) }
  }
  const { next } = await until('the first is stored', async () => {
    const log = await get()
    return log.lines.length > 0 && log
  })
  t.match(await get('', 'somebody'), { statusCode: 404 })
  t.same((await get(`?after=${next}`)).lines, [])
  t.same(messages((await get('?after=x')).lines), ['first'])
  go.open()
  const later = await until('the second is stored', async () => {
    const log = await get(`?after=${next}`)
    return log.lines.length > 0 && log
  })
  t.same(messages(later.lines), ['second'])
  more.open()
  await reaches(app, id, 'succeeded')
  await app.tasks.remove(id)
  t.match(await get(), { statusCode: 404 })
})

t.test('only lines of the attempt are kept: the worker\'s own line about its end is not', async t => {
  const end = latch()
  const app = await build(t, {}, app => {
    app.tasks.define('x', { keepLogs: 65_536, retries: 1, backoff: { strategy: 'immediate' } }, async (_data, task) => {
      task.log.info(`line ${task.attempt}`)
      if (task.attempt === 1) throw new Error('again')
      await end.promise
    })
  })
  await app.tasks.startWorker()
  const { id } = await app.tasks.enqueue('x')
  const kept = async (): Promise<string[]> => messages((await app.tasks.logs(id))!.lines)
  await until('the second line is stored', async () => (await kept()).includes('line 2'))
  t.same(await kept(), ['line 1', 'line 2'])
  end.open()
  await reaches(app, id, 'succeeded')
})

t.test('a handler that goes on after its end writes nothing into the log of a later task with its id', async t => {
  const [runs, goOn, wentOn, end] = [latch(), latch(), latch(), latch()]
  const app = await build(t, {}, app => {
    app.tasks.define<string>('x', { keepLogs: 65_536 }, async (data, task) => {
      if (data === 'first') {
        runs.open()
        await goOn.promise
        task.log.info('left behind')
        return wentOn.open()
      }
      goOn.open()
      await wentOn.promise
      task.log.info('mine')
      await end.promise
    })
  })
  await app.tasks.startWorker({ concurrency: 2 })
  await app.tasks.enqueue('x', 'first', { id: 'one' })
  await runs.promise
  await app.tasks.cancel('one')
  await reaches(app, 'one', 'cancelled')
  await app.tasks.remove('one')
  await app.tasks.enqueue('x', 'second', { id: 'one' })
  const kept = async (): Promise<string[]> => messages((await app.tasks.logs('one'))?.lines ?? [])
  await until('its own line is stored', async () => (await kept()).includes('mine'))
  t.same(await kept(), ['mine'])
  end.open()
  await reaches(app, 'one', 'succeeded')
})

inRedis('a thread, and the command', 'a command is another process', async t => {
  const prefix = randomPrefix()
  const thread = new URL('../fixtures/threads/deeds.js', import.meta.url)
  const app = await build(t, { prefix }, app => { app.tasks.define('x', { keepLogs: 65_536, thread }) })
  await app.tasks.startWorker()
  const { id } = await app.tasks.enqueue('x', { do: 'compute', ms: 1 })
  await reaches(app, id, 'succeeded')
  t.match(messages((await app.tasks.logs(id))!.lines), ['computing'])
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const { out, code } = await command('logs', id, '--follow')
  t.equal(code, 0)
  t.match(out, /^\S+Z info #1 computing\n/)
  t.match(JSON.parse((await command('logs', id, '--json')).out.split('\n')[0]!), { msg: 'computing', attempt: 1 })
  t.equal((await command('logs', 'unknown')).code, 2)
  const other = await app.tasks.enqueue('x', { do: 'compute', ms: 1 }, { delay: 3_600_000 })
  t.match(await command('logs', other.id), { code: 0, out: '', err: /keepLogs/ })
})

inRedis('nothing of a log is left when its task is gone', 'it reads the keys in Redis', async t => {
  const redis = connect(t)
  for (const resultTtl of [0, 300, 86_400_000]) {
    const prefix = randomPrefix()
    const app = await build(t, { prefix, resultTtl }, app => {
      app.tasks.define('x', { keepLogs: 65_536 }, (_data, task) => { task.log.info('a line') })
    })
    const left = async (): Promise<string[]> => redis.keys(`${prefix}:{default}:log*`)
    await app.tasks.startWorker()
    const { id } = await app.tasks.enqueue('x')
    if (resultTtl === 86_400_000) {
      await reaches(app, id, 'succeeded')
      t.equal((await left()).length, 2)
      await app.tasks.remove(id)
    } else {
      await until('it is gone', async () => await app.tasks.status(id) === null)
    }
    t.same(await left(), [], `resultTtl ${resultTtl}`)
    const other = await app.tasks.enqueue('x')
    await until('it has a log, or is gone', async () =>
      (await left()).length === 2 || await app.tasks.status(other.id) === null)
    await redis.hdel(`${prefix}:{default}:jobs`, other.id) // as a plain Bee-Queue does
    if (resultTtl === 300) await until('it is swept', async () => (await left()).length === 0)
    await app.close()
  }
})

inRedis('a task has no lines of an earlier one with its id, whoever removed that', 'other processes', async t => {
  const prefix = randomPrefix()
  const options = { keepLogs: 65_536, retries: 1, backoff: { strategy: 'immediate' } } as const
  const handler = ({ logs }: { logs: boolean }, task: TaskContext): void => {
    if (logs && task.attempt === 1) task.log.info('a line')
    if (task.attempt === 1) throw new Error('once more')
  }
  const app = await build(t, { prefix }, app => {
    app.tasks.define('x', options, handler)
    app.tasks.define('gone', { ...options, resultTtl: 0 }, handler)
  })
  const producer = await build(t, { prefix }, app => { app.tasks.define('x') })
  const stranger = await build(t, { prefix })
  await app.tasks.startWorker()
  const run = async (name: string, logs: boolean): Promise<TaskLogLine[]> => {
    await app.tasks.enqueue(name, { logs }, { id: 'own' })
    await until('it has ended', async () => (await app.tasks.status('own'))?.finishedAt !== null)
    return (await app.tasks.logs('own'))?.lines ?? []
  }
  for (const remover of [app, producer, stranger]) {
    t.same(messages(await run('x', true)), ['a line'])
    t.equal(await remover.tasks.remove('own'), 'removed')
    t.same(await run('x', false), [])
    await app.tasks.remove('own')
  }
  await run('gone', true)
  t.same(await run('x', false), [])
})

t.test('a task that is cancelled, and kept, keeps its log', { skip: !memoryMode }, async t => {
  const app = await build(t, {}, app => {
    app.tasks.define('x', { keepLogs: 65_536 }, (_data, task) => { task.log.info('a line') })
  })
  const { id } = await app.tasks.enqueue('x')
  await app.tasks.drain()
  t.same(messages((await app.tasks.logs(id))!.lines), ['a line'])
})

/** The lines that a handler leaves, with a logger of the app's own. */
async function linesOf (
  t: Test, server: FastifyServerOptions, handler: (log: FastifyBaseLogger) => void, options: TasksOptions = {}
): Promise<TaskLogLine[]> {
  const app = await build(t, options, app => {
    app.tasks.define('x', { keepLogs: 65_536 }, (_data, { log }) => {
      handler(log)
      log.info('last')
    })
  }, server)
  const { id } = await app.tasks.enqueue('x')
  await app.tasks.startWorker()
  t.match(await reaches(app, id, 'succeeded'), { attempt: 1 })
  const found = await until('the end is stored', async () => {
    const { lines } = (await app.tasks.logs(id))!
    return messages(lines).includes('last') ? lines : null
  })
  return found.filter(({ msg }) => msg !== 'last')
}

t.test('level and message are kept whatever form the app writes them in', async t => {
  const formats = [
    { messageKey: 'message', formatters: { level: (label: string) => ({ severity: label }) } },
    { messageKey: 'm', formatters: { level: (label: string) => ({ level: label }) }, nestedKey: 'payload' },
    { customLevels: { audit: 35 }, timestamp: false }
  ]
  for (const format of formats) {
    const { stream } = logger()
    const lines = await linesOf(t, { logger: { stream, ...format } } as any, log => {
      log.warn('a %s', 'word')
      log.info({ level: 99 }, 'not its level')
      log.error(new Error('broken'))
    })
    const [first, ...others] = lines
    t.match(first, { level: 'warn', msg: 'a word' }, JSON.stringify(format))
    t.notOk(first!.fields && ('message' in first!.fields || 'm' in first!.fields), 'the message is no field')
    t.match(others, [{ level: 'info', msg: 'not its level' }, { level: 'error', msg: 'broken' }])
  }
})

t.test('no stack is kept, wherever the app writes errors; with exposeStack all are', async t => {
  const inner = new AggregateError([new Error('inner')], 'outer')
  const write = (log: FastifyBaseLogger): void => {
    log.error(inner)
    log.warn({ deep: [{ message: 'm', stack: 'at f', stack_trace: 'at f' }], stack: 'a lamp' }, 'x')
  }
  const { stream } = logger()
  for (const format of [{}, { errorKey: 'error' }, { nestedKey: 'payload', errorKey: 'e' }]) {
    const lines = await linesOf(t, { logger: { stream, ...format } } as any, write)
    t.notMatch(JSON.stringify(lines), /\bat /, JSON.stringify(format))
    t.match(JSON.stringify(lines), /inner.*a lamp/)
  }
  const all = await linesOf(t, { logger: { stream } }, write, { exposeStack: true })
  t.match(JSON.stringify(all), /aggregateErrors.*\bat .*deep.*at f/)
})

t.test('with keepLogs a log can be flushed as without: by its user, and by pino after a fatal line', async t => {
  let flushes = 0
  const written = { write () {}, flushSync () { flushes++ } }
  for (const stream of [written, { ...written, flush: (done: () => void) => { done() } }]) {
    const app = await build(t, {}, app => {
      app.tasks.define('x', { keepLogs: 65_536 }, async (_data, { log }) => {
        log.fatal('the end')
        await new Promise<void>(resolve => (log as any).flush(resolve))
      })
    }, { logger: { stream } } as FastifyServerOptions)
    await app.tasks.startWorker()
    await reaches(app, (await app.tasks.enqueue('x')).id, 'succeeded')
  }
  t.equal(flushes, 2)
})

t.test('with keepLogs a thread writes all levels that another logger than pino writes', async t => {
  const written: unknown[] = []
  const write = (...args: unknown[]): void => { written.push(args.at(-1)) }
  const log = { level: 'debug', fatal: write, error: write, warn: write, info: write, debug: write, trace: write }
  const loggerInstance: any = { ...log, silent () {}, child: () => loggerInstance }
  const thread = new URL('../fixtures/threads/deeds.js', import.meta.url)
  const app = await build(t, {}, app => {
    app.tasks.define('x', { keepLogs: 65_536, thread })
  }, { loggerInstance } as FastifyServerOptions)
  await app.tasks.startWorker()
  const { id } = await app.tasks.enqueue('x', { do: 'log' })
  await reaches(app, id, 'succeeded')
  t.ok(written.includes('below the level'))
  t.notOk(messages((await app.tasks.logs(id))!.lines).includes('below the level'), 'not kept')
})

t.test('errors are kept alike, with and without a log of pino', async t => {
  const { stream } = logger()
  const kept = await Promise.all([{ logger: { stream } }, {}].map(async server => {
    const app = await build(t, {}, app => {
      app.tasks.define('x', { keepLogs: 65_536 }, (_data, { log }) => {
        log.error(new RangeError('alone'))
        log.error({ err: new TypeError('as err') })
        log.warn({ err: new TypeError('as err'), n: 1 }, 'with a message')
      })
    }, server)
    await app.tasks.startWorker()
    const task = await app.tasks.enqueue('x')
    await task.result({ timeout: 60_000 })
    const { lines } = (await app.tasks.logs(task.id))!
    return lines.slice(0, 3).map(({ level, msg, fields }) => ({ level, msg, fields }))
  }))
  t.same(kept[1], kept[0])
  t.same(kept[1]![1], { level: 'error', msg: 'as err', fields: { err: { type: 'TypeError', message: 'as err' } } })
})

t.test('fields of the handler that have the names of ours are kept, and ours are not', async t => {
  const { stream } = logger()
  const own = { pid: 1, hostname: 'printer', attempt: 'x', task: 'mine', time: 'noon', taskId: 5, v: 2 }
  for (const server of [{ logger: { stream } }, {}, { logger: { stream, nestedKey: 'payload' } }] as any[]) {
    const isNested = server.logger?.nestedKey
    const lines = await linesOf(t, server, log => {
      log.info('none')
      log.info(own, 'own')
      log.child({ task: 'of a child', room: 4 }).info('child')
      log.info({ n: 1, level: 99 }, 'level')
    })
    const fields = lines.map(line => line.fields)
    t.same(fields[0], null)
    t.same(fields[1], isNested ? { payload: own } : own)
    t.same(fields[2], { task: 'of a child', room: 4 })
    t.same(fields[3], isNested ? { payload: { n: 1, level: 99 } } : { n: 1, level: 99 })
    t.match(lines.map(({ attempt, level }) => ({ attempt, level })), lines.map(() => ({ attempt: 1, level: 'info' })))
  }
})

t.test('what cannot be read is not kept, and does not fail the handler', async t => {
  const lines = await linesOf(t, {}, log => {
    log.info({ get x () { throw new Error('no') } }, 'getter')
    log.info('%o', new Proxy({}, { ownKeys () { throw new Error('no') } }))
    log.info({ big: 1n }, 'no JSON')
  })
  t.same(messages(lines).at(-1), 'no JSON')
})
