/**
 * The apps of docs/guides/from-*.md, before and after, as they are shown there.
 */
import { Queue } from 'bullmq'
import BeeQueue from 'bee-queue'
import t from 'tap'
import { randomPrefix, reaches, REDIS_URL, until } from '../support/helpers.ts'
import { ended, exampleFolder, follow, started } from '../support/example-apps.ts'

t.setTimeout(120_000)
const load = exampleFolder(t, 'migrations')
const { hostname: host, port: portText } = new URL(REDIS_URL)
const port = Number(portText)

const taskOptions = (prefix: string, more = {}): object => ({ tasks: { redis: REDIS_URL, prefix, ...more } })
const ofState = (...states: string[]) => (status: any): any => states.includes(status.state) && status
/** The app on BullMQ reads the state after all the rest: together they may be of two moments. */
const shows = (state: string, field: string) => (status: any): any =>
  status.state === state && status[field] !== null && status

t.test('from BullMQ: the app before and the app after do the same', async t => {
  const before = await started(t, await load('bullmq/before.js'), { host, port, keyPrefix: randomPrefix() })
  const after = await started(t, await load('bullmq/after.js'), taskOptions(randomPrefix(), { worker: true }))
  const report = { month: '2026-01', pages: 3 }
  const good = { progress: { page: 3 }, result: { file: '2026-01.pdf', pages: 3 }, error: null }
  t.match(await follow(before, '/reports', report, shows('completed', 'result')), good)
  t.match(await follow(after, '/reports', report, ofState('succeeded')), { ...good, attempt: 1, attempts: 4 })
  const tooLong = { month: '2026-01', pages: 101 }
  t.match(await follow(before, '/reports', tooLong, shows('failed', 'error')), { error: 'more than 100 pages' })
  t.match(await follow(after, '/reports', tooLong, ofState('failed')), {
    attempt: 1, error: { message: 'more than 100 pages', code: 'FST_TASKS_UNRECOVERABLE' }
  })
  t.equal((await before.inject('/reports/none')).statusCode, 404)
  const none = await after.inject('/tasks/none')
  t.equal(none.statusCode, 404)
  t.match(await after.tasks.schedules.get('nightly'), { cron: '0 3 * * *', timezone: 'Europe/Berlin' })
})

t.test('from BullMQ: the bridge moves what waits, and what old producers add, once each', async t => {
  const prefix = randomPrefix()
  const queue = new Queue('reports', { connection: { host, port, maxRetriesPerRequest: null }, prefix })
  t.teardown(() => queue.close())
  const waited = await queue.add('report', { month: '2026-02', pages: 1 })
  const bridge = await load('bullmq/bridge.js')
  const app = await started(t, await load('bullmq/after.js'), taskOptions(randomPrefix(), { worker: true }),
    app => app.register(bridge, { host, port, keyPrefix: prefix }))
  t.match(await reaches(app, `bullmq-${waited.id}`, 'succeeded'), { result: { file: '2026-02.pdf' } })
  const added = await queue.add('report', { month: '2026-03', pages: 1 })
  await reaches(app, `bullmq-${added.id}`, 'succeeded')
  t.match(await app.tasks.counts(), { reports: { succeeded: 2 } })
})

t.test('from Bee-Queue: before; the step between beside it and beside us; after', async t => {
  const prefix = randomPrefix()
  const plain = { redis: REDIS_URL, keyPrefix: prefix }
  const mail = { to: 'ada@example.com' }
  const before = await started(t, await load('bee-queue/before.js'), plain)
  t.match(await follow(before, '/mail', mail, ofState('succeeded')), { state: 'succeeded' })
  await before.close()
  const settings = { redis: REDIS_URL as any, prefix, isWorker: false, getEvents: false, storeJobs: false }
  const old = new BeeQueue('mail', settings)
  t.teardown(() => old.close(200).catch(() => {}))
  const left = await old.createJob(mail).save()

  const between = await started(t, await load('bee-queue/between.js'), plain)
  await follow(between, '/mail', mail, ofState('succeeded'))
  await until('the old queue is empty', async () => (await old.getJob(left.id)).status === 'succeeded')

  const after = await started(t, await load('bee-queue/after.js'), taskOptions(prefix, { worker: false }))
  const ours = await after.tasks.enqueue('mail', mail)
  t.match(await reaches(after, ours.id, 'succeeded'), { name: 'mail' }, 'a plain worker runs our task')
  await between.close()
  const worker = await after.tasks.startWorker({ queues: ['mail'] })
  t.match(await follow(after, '/mail', mail, ended), { state: 'succeeded', result: 'sent to ada@example.com' })
  await worker.close()
})

t.test('from Bee-Queue: our worker runs the jobs of the step between', async t => {
  const prefix = randomPrefix()
  const app = await started(t, await load('bee-queue/after.js'), taskOptions(prefix, { worker: true }))
  const queue = new BeeQueue('{mail}', { redis: REDIS_URL as any, prefix, isWorker: false })
  t.teardown(() => queue.close(200).catch(() => {}))
  const job: any = queue.createJob({ name: 'mail', data: { to: 'ada@example.com' } }).retries(3)
  const heard = new Promise(resolve => job.on('succeeded', resolve))
  await job.save()
  t.equal(await heard, 'sent to ada@example.com')
  t.match(await reaches(app, job.id, 'succeeded'), { attempts: 4, progress: { step: 'sending' } })
})

t.test('from Celery: a status with a stage, a delay, a cancel, a canvas', async t => {
  const app = await started(t, await load('celery/after.js'), { tasks: { mode: 'memory' } })
  const reply = await app.inject({ method: 'POST', url: '/counts', payload: { region: 'eu' } })
  await app.tasks.drain()
  t.match((await app.inject(reply.headers.location!)).json(), {
    state: 'succeeded', stage: 'COUNTING', progress: { region: 'eu' }, result: { region: 'eu', orders: 2 }
  })
  const later = await app.inject({ method: 'POST', url: '/counts', payload: { region: 'us', wait: 60 } })
  t.equal(later.json().state, 'delayed')
  t.equal((await app.inject({ method: 'DELETE', url: later.headers.location! })).json().state, 'cancelled')
  const run = await app.tasks.enqueue('report', { regions: ['eu', 'asia'] })
  await app.tasks.drain()
  const { flow }: any = await run.result()
  t.match(await app.tasks.status(flow), { state: 'succeeded', result: 'boss@example.com: 6 orders' })
  t.match(await app.tasks.schedules.get('nightly'), { cron: '0 3 * * *' })
})
