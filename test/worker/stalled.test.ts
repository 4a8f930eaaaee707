import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import {
  build, claimByDeadWorker, connect, latch, logger, randomPrefix, reaches, ticks, until
} from '../support/helpers.ts'
import { spawnWorker } from '../support/worker-process.ts'

const STALL = 1_000

t.test('the task of a killed worker runs again', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, stallInterval: STALL }, app => { app.tasks.define('hang', () => 'by another') })
  const child = spawnWorker(t, { prefix, stall: STALL })
  const { id } = await app.tasks.enqueue('hang')
  await reaches(app, id, 'active')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.equal((await app.tasks.status(id))!.state, 'active', 'its lease has not expired yet')
  await app.tasks.startWorker()
  t.match(await reaches(app, id, 'succeeded'), { result: 'by another', attempt: 1 })
})

t.test('a task that kills its worker each time fails as stalled', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, stallInterval: STALL }, app => {
    app.tasks.define('poison')
    app.tasks.define('hang')
  })
  const { id } = await app.tasks.enqueue('poison', 1, { retries: 5 })
  let deaths = 0
  for (let worker = spawnWorker(t, { prefix, stall: STALL }); ; worker = spawnWorker(t, { prefix, stall: STALL })) {
    const died = once(worker, 'exit').then(() => true)
    if (!await Promise.race([died, reaches(app, id, 'failed').then(() => false, () => false)])) break
    deaths++
  }
  t.equal(deaths, 3, 'maxStalls is 2: the task may start three times')
  t.match(await app.tasks.status(id), { state: 'failed', error: { code: 'FST_TASKS_STALLED' }, attempt: 1 })
})

t.test('the outcome of a lost claim is dropped: a task settles once', async t => {
  const prefix = randomPrefix()
  const log = logger()
  let runs = 0
  const app = await build(t, { prefix, worker: { concurrency: 1 }, stallInterval: 10_000 }, app => {
    app.tasks.define('x', async (_data, task) => {
      const run = ++runs
      const isSettled = async (): Promise<boolean> => (await app.tasks.status(task.id))!.state === 'succeeded'
      if (run === 1) await until('the second run has ended', isSettled)
      return run
    })
  }, { logger: { stream: log.stream } } as any)
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'active')
  await claimByDeadWorker(connect(t), prefix, id)
  await app.tasks.startWorker()
  await until('the first run has lost its claim', () => log.find('claim.lost'))
  t.match(await app.tasks.status(id), { state: 'succeeded', result: 2 })
  t.equal(runs, 2)
  t.ok(log.find('task.stalled'))
})

t.test('workers that were all held up for longer than a lease keep their tasks', async t => {
  const prefix = randomPrefix()
  const mayEnd = latch()
  let runs = 0
  const define = (app: FastifyInstance): void => {
    app.tasks.define('held', async () => {
      runs++
      await mayEnd.promise
    })
  }
  const app = await build(t, { prefix, worker: true, stallInterval: STALL }, define)
  await build(t, { prefix, worker: true, stallInterval: STALL }, define)
  const { id } = await app.tasks.enqueue('held')
  await reaches(app, id, 'active')
  const redis = connect(t)
  await ticks(redis, prefix, 2)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * STALL) // both are in this process
  await ticks(redis, prefix, 6)
  mayEnd.open()
  await reaches(app, id, 'succeeded')
  t.equal(runs, 1)
})

t.test('a warning names the handler that blocks the event loop', async t => {
  const log = logger()
  const app = await build(t, { worker: true, stallInterval: STALL }, app => {
    app.tasks.define('x', () => {
      const end = Date.now() + STALL * 0.7
      while (Date.now() < end);
    })
  }, { logger: { stream: log.stream } } as any)
  const warning = await until('the warning', async () => {
    await (await app.tasks.enqueue('x')).result({ timeout: 60_000 })
    // Not the first line: an overloaded machine holds the event loop up too.
    return log.lines.find(({ event, running }) => event === 'worker.event_loop_held' && running.length > 0)
  })
  t.match(warning, { level: 40, running: [{ task: 'x' }] })
})

t.test('a corrupt record is set aside as failed', async t => {
  const prefix = randomPrefix()
  const log = logger()
  const app = await build(t, { prefix, worker: true }, app => {
    app.tasks.define('x', () => 1)
  }, { logger: { stream: log.stream } } as any)
  const redis = connect(t)
  const records = [
    '{', 'null', '[]', '7', '"x"', '{"data":null}', '{"data":{"name":7},"options":{}}', '{"data":{"name":"x"}}',
    '{"data":{"name":"x"},"options":7}'
  ]
  for (const [i, text] of records.entries()) {
    await redis.multi()
      .hset(`${prefix}:{default}:jobs`, `g${i}`, text)
      .lpush(`${prefix}:{default}:waiting`, `g${i}`).exec()
    t.match(await reaches(app, `g${i}`, 'failed'), { error: { code: 'FST_TASKS_RECORD_INVALID' } }, text)
  }
  t.match(log.find('task.unreadable'), { taskId: 'g0', level: 50 })
  await redis.lpush(`${prefix}:{default}:waiting`, 'no-record-at-all')
  t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 1, 'the worker continues')
})

t.test('an id of a finished task in waiting, put there by anybody: it does not run again', async t => {
  const prefix = randomPrefix()
  let runs = 0
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => { runs++ }) })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'succeeded')
  await connect(t).lpush(`${prefix}:{default}:waiting`, id)
  await (await app.tasks.enqueue('x')).result({ timeout: 10_000 }) // behind it
  t.equal(runs, 2)
  t.match((await app.tasks.counts()).default, { active: 0, succeeded: 2 })
})

t.test('hostile numbers in a record do no harm', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => 'ran') })
  const redis = connect(t)
  const hostile = [
    {},
    { timestamp: 'x', retries: -1, timeout: 2 ** 31, attempts: 'many' },
    { retries: 1e21, timeout: -1, expires: 'never', ttl: -5 },
    { timestamp: 1e300, backoff: 7, stacktraces: 'x' },
    { backoff: { strategy: '__proto__' }, retries: 1 }
  ]
  for (const [i, options] of hostile.entries()) {
    await redis.multi()
      .hset(`${prefix}:{default}:jobs`, `h${i}`, JSON.stringify({ data: { name: 'x' }, options, status: {} }))
      .lpush(`${prefix}:{default}:waiting`, `h${i}`).exec()
    t.match(await reaches(app, `h${i}`, 'succeeded'), { result: 'ran' }, JSON.stringify(options))
  }
})

t.test('an expired lease: after too many stalls the task fails; if a cancel was requested it is cancelled', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: { closeTimeout: 0 }, stallInterval: 10_000 }, app => {
    app.tasks.define('hang', (_data, task) => new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => reject(task.signal.reason))
    }))
  })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const ids = (await app.tasks.enqueueMany('hang', [{}, {}])).map(({ id }) => id) as [string, string]
  for (const id of ids) await reaches(app, id, 'active')
  // As if the first had stalled for the third time, and the worker of the second had died before it saw the cancel.
  await redis.multi().hset(key('stalls'), ids[0], 2).sadd(key('cancelling'), ids[1]).exec()
  await claimByDeadWorker(redis, prefix, ...ids)
  await app.tasks.startWorker({ closeTimeout: 0 })
  t.match(await reaches(app, ids[0], 'failed'), {
    error: { code: 'FST_TASKS_STALLED', message: /3 times.*maxStalls 2/ }, attempt: 1
  })
  t.match(await reaches(app, ids[1], 'cancelled'), { error: null })
  t.same(await redis.exists(key('stalls'), key('cancelling'), key('claims')), 0, 'no key is left')
})

t.test('a worker that closes gives up its lease at once', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('x', () => 1) })
  const redis = connect(t)
  const leases = (): Promise<string[]> => redis.zrange(`${prefix}:{default}:leases`, 0, '-1', 'WITHSCORES')
  t.equal((await leases()).length, 2)
  await app.close()
  t.ok(Number((await leases())[1]) < 0)
  t.equal(await redis.exists(`${prefix}:{default}:floors`), 0)
})

/** Gives these tasks to a dead worker and ends all leases, from another process: this one is held up meanwhile. */
function loseClaims (prefix: string, ids: string[]): void {
  const ioredis = JSON.stringify(import.meta.resolve('ioredis'))
  const script = `
    import { Redis } from ${ioredis}
    const redis = new Redis(process.env.REDIS_URL)
    const key = name => '${prefix}:{default}:' + name
    const workers = await redis.zrange(key('leases'), 0, '-1')
    const change = redis.multi() // a dead worker without claims would be forgotten
    for (const worker of [...workers, 'dead']) change.zadd(key('leases'), -1000, worker)
    for (const id of ${JSON.stringify(ids)}) change.hset(key('claims'), id, 'dead.1 1')
    await change.exec()
    await redis.quit()`
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
}

t.test('prefetched tasks that were lost while a handler held the event loop do not start', async t => {
  const prefix = randomPrefix()
  const behind = ['b1', 'b2', 'b3', 'b4']
  const runs = new Map<string, number>()
  const app = await build(t, { prefix, stallInterval: STALL }, app => {
    app.tasks.define('quick', (_data, task) => { runs.set(task.id, (runs.get(task.id) ?? 0) + 1) })
    let held = false
    app.tasks.define('slow', () => {
      if (held) return // it was taken back itself
      held = true
      loseClaims(prefix, behind)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL) // a lease in doubt
    })
  })
  await app.tasks.enqueueMany('quick', Array.from({ length: 300 }, () => ({})))
  await app.tasks.enqueue('slow')
  await app.tasks.enqueueMany('quick', behind.map(id => ({ id })))
  await app.tasks.startWorker({ concurrency: 1 })
  const hasRun = async (id: string): Promise<boolean> => (await app.tasks.status(id))!.state === 'succeeded'
  for (const id of behind) await until(`${id} has run`, () => hasRun(id), 30_000) // a claim of nobody: ten intervals
  t.same(behind.map(id => runs.get(id)), [1, 1, 1, 1], 'each ran once, when it had been taken back')
})

t.test('a claim is made with an expired lease: what runs is checked, though the claim renewed the lease', async t => {
  const prefix = randomPrefix()
  let lost = ''
  // The next tick, which would find it, comes in 15 seconds.
  const app = await build(t, { prefix, stallInterval: 60_000, worker: { concurrency: 2, closeTimeout: 0 } }, app => {
    app.tasks.define('quick', () => null)
    app.tasks.define('long', (_data, task) => new Promise((_resolve, reject) => {
      task.signal.addEventListener('abort', () => {
        lost = String(task.signal.reason)
        reject(task.signal.reason)
      })
    }))
  })
  const redis = connect(t)
  const { id } = await app.tasks.enqueue('long')
  await reaches(app, id, 'active')
  for (const worker of await redis.zrange(`${prefix}:{default}:leases`, 0, '-1')) {
    await redis.zadd(`${prefix}:{default}:leases`, -1_000, worker)
  }
  await redis.hset(`${prefix}:{default}:claims`, id, 'other.1 1')
  await app.tasks.enqueue('quick')
  await until('the handler hears of it', () => lost)
  t.match(lost, /claim|lease|lost/)
})

t.test('the tasks of killed workers, however many, run again within two stall intervals', async t => {
  const prefix = randomPrefix()
  const MANY = 4_000
  const options = { prefix, stallInterval: STALL, redisTimeout: 60_000, worker: { concurrency: 100 } }
  const app = await build(t, options, app => { app.tasks.define('x', data => data) })
  const redis = connect(t)
  const key = (name: string): string => `${prefix}:{default}:${name}`
  await ticks(redis, prefix, 1)
  await app.tasks.pause({ queue: 'default' }) // until they are claimed
  const tasks = await app.tasks.enqueueMany('x', Array.from({ length: MANY }, (_, data) => ({ data })))
  const claims = tasks.flatMap(({ id }) => [id, `dead.1 ${Date.now()}`])
  const died = Number(await redis.get(key('tick')))
  await redis.multi().del(key('waiting'), key('parked')).hset(key('claims'), ...claims)
    .zadd(key('leases'), died, 'dead').exec()
  await app.tasks.resume({ queue: 'default' })
  const foundAt = await until('none is a dead worker\'s', async () => {
    const [[, owners], [, tick]] = await redis.multi().hvals(key('claims')).get(key('tick')).exec() as any[]
    return owners.some((owner: string) => owner.startsWith('dead')) ? null : Number(tick)
  }, 60_000)
  t.ok(foundAt - died <= 8, `${foundAt - died} ticks, four of which are a stall interval`)
  // Not by 4,000 handles: their reads hold the event loop of a busy machine for longer than the stall interval.
  await until('all have run', async () => await app.tasks.count({ state: 'succeeded' }) === MANY, 240_000)
})
