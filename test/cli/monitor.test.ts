/**
 * `fastify-tasks worker --monitor-port`, and `fastify-tasks inspect --check`.
 */
import { once } from 'node:events'
import { createServer, Server } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import { commandsWith, DEADLINE, ended, PLUGIN, run } from '../support/command.ts'
import { build, errorOf, logger, randomPrefix, reaches, until } from '../support/helpers.ts'
import { parse, valueOf } from '../support/metrics.ts'
import { ALONE } from '../support/room.ts'
import { Monitor } from '../../lib/metrics/monitor.ts'

const app = (prefix: string): string => `import tasks from ${PLUGIN}
export default async function app (fastify) {
  await fastify.register(tasks, { prefix: '${prefix}' })
  await fastify.register(tasks, { prefix: '${prefix}-2', name: 'second' })
  fastify.tasks.define('x', () => {})
  fastify.second.define('y', () => {})
  fastify.tasks.define('hang', (data, task) => new Promise((resolve, reject) => {
    task.signal.addEventListener('abort', () => reject(task.signal.reason))
  }))
}
`

interface Answer { status: number, text: string, type: string | null }

t.test('metrics, live and ready of a worker, from its start to its end', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => {
    app.tasks.define('x')
    app.tasks.define('hang')
  })
  const folder = t.testdir({ 'app.mjs': app(prefix) })
  const args = ['--monitor-port', '0', '--monitor-host', '127.0.0.1', '--close-timeout', '60000']
  const worker = run(t, folder, ['worker', '-A', 'app.mjs', ...args])
  const url = await until('the banner names the monitor', () => /monitor +(http:\S+)/.exec(worker.err())?.[1], DEADLINE)
  const get = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(url + path, init)
    return { status: response.status, text: await response.text(), type: response.headers.get('content-type') }
  }
  t.match(await get('/live'), { status: 200, text: 'live\n' })
  await until('it is ready', async () => (await get('/ready')).status === 200, DEADLINE)
  await (await web.tasks.enqueue('x')).result()
  const metrics = await until('the task is counted', async () => {
    const { text, type } = await get('/metrics?x=1')
    t.equal(type, 'text/plain; version=0.0.4; charset=utf-8')
    const metrics = parse(text)
    const counted = valueOf(metrics, 'attempts_total', { queue: 'default', task: 'x', outcome: 'succeeded' })
    return counted === 1 ? metrics : null
  }, DEADLINE)
  t.equal(valueOf(metrics, 'slots', { queue: 'default' }), 20, 'both instances of the plugin are in it')
  t.match(await get('/other'), { status: 404 })
  t.match(await get('/live', { method: 'POST' }), { status: 405 })
  const { id } = await web.tasks.enqueue('hang')
  await reaches(web, id, 'active')
  worker.child.kill('SIGTERM')
  await until('it drains', async () => (await get('/ready')).text === 'closing\n', DEADLINE)
  t.match(await get('/live'), { status: 200 })
  await web.tasks.cancel(id)
  t.same(await worker.exit, [0, null])
})

t.test('a port that is taken: one line, and exit code 1', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const folder = t.testdir({ 'app.mjs': app(randomPrefix()) })
  const args = ['--monitor-port', String(port), '--monitor-host', '127.0.0.1']
  const worker = run(t, folder, ['worker', '-A', 'app.mjs', ...args])
  t.same(await worker.exit, [1, null])
  t.match(worker.err(), /cannot listen on port .* \[FST_TASKS_MONITOR_PORT_TAKEN\]/)
})

t.test('a host that is none of this machine: the error is about the host', async t => {
  const monitor = new Monitor([], pino({ level: 'silent' }))
  const error = await errorOf(monitor.listen(0, '203.0.113.9')) // addresses for documentation are nobody's
  t.match(error, { code: 'FST_TASKS_MONITOR_HOST_INVALID', message: /203\.0\.113\.9.*--monitor-host/ })
})

t.test('what fails later is logged once a minute, and the worker goes on', ALONE, async t => {
  const { lines, stream } = logger()
  const listened = t.capture(Server.prototype, 'listen', Server.prototype.listen)
  let works = false
  const collect = async (): Promise<never[]> => {
    if (works) return []
    throw new Error('no numbers')
  }
  const instance = { tasks: { ready: true }, metrics: { collect } } as any
  const monitor = new Monitor([instance], pino({}, stream))
  const url = await monitor.listen(0, '127.0.0.1')
  t.teardown(() => monitor.close())
  const server = listened()[0]!.receiver as Server
  // As Node does if it cannot accept a connection.
  for (let i = 0; i < 3; i++) server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  t.equal((await fetch(`${url}/metrics`)).status, 500)
  works = true
  t.equal((await fetch(`${url}/metrics`)).status, 200)
  const failed = lines.filter(({ event }) => event === 'worker.monitor_failed')
  t.match(failed, [{ level: 40, err: { message: 'accept EMFILE' } }, { err: { message: 'no numbers' } }])
  t.equal(failed.length, 2)
})

t.test('inspect --check: 0 without trouble, 4 with a line for each, 1 without Redis', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix }, app => app.tasks.define('x', () => {}))
  const command = commandsWith(t, '.', ['--prefix', prefix, '--queues', 'default'])
  t.match(await command('inspect', '--check'), { code: 0, out: '' })
  await web.tasks.enqueue('x')
  t.match(await command('inspect', '--check'), { code: 4, out: 'default: no worker is running for 1 task\n' })
  const closed = run(t, '.', ['inspect', '--check', '--prefix', prefix, '--queues', 'default'])
  closed.child.stdout!.destroy() // before it writes
  t.same(await ended(closed), { code: 4, out: '', err: '' }, 'whoever reads changes nothing: --check | head -0')
  const { code, out } = await command('inspect', '--check', '--json', '--max-wait', '0')
  t.equal(code, 4)
  t.match(JSON.parse(out), [{ queue: 'default', problem: /no worker/ }, { queue: 'default', problem: /has waited for/ }])
  const worker = await web.tasks.startWorker()
  await until('the task has run', async () => (await web.tasks.counts()).default!.succeeded === 1)
  t.match(await command('inspect', '--check'), { code: 0, out: '' })
  await worker.close()
  const away = await commandsWith(t, '.', ['--redis', 'redis://127.0.0.1:1'])('inspect', '--check')
  t.match(away, { code: 1, err: /FST_TASKS_REDIS_UNAVAILABLE/ })
})
