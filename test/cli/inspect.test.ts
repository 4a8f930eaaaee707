import { hostname } from 'node:os'
import t from 'tap'
import { DEADLINE, ended, PLUGIN, run } from '../support/command.ts'
import { build, randomPrefix, until } from '../support/helpers.ts'

t.test('the queues, the workers that live, and what each of them runs', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('hang') })
  const inspect = (...args: string[]) => ended(run(t, '.', ['inspect', '--prefix', prefix, ...args]))
  t.match(await inspect(), { code: 0, out: /^QUEUE +WAITING +DELAYED +ACTIVE +SUCCEEDED +FAILED +CANCELLED +EXPIRED\ndefault +0 +0 +0 +0 +0 +0 +0\n/, err: /No worker lives/ })

  const folder = t.testdir({ 'app.mjs': `import tasks from ${PLUGIN}\nexport default async function app (fastify) {\n  await fastify.register(tasks, { prefix: '${prefix}', queues: ['mail'] })\n  fastify.tasks.define('hang', (data, task) => new Promise((resolve, reject) => task.signal.addEventListener('abort', () => reject(task.signal.reason))))\n}\n` })
  const worker = run(t, folder, ['worker', '-A', 'app.mjs', '-c', '3', '--close-timeout', '60000'])
  await until('it has started', () => worker.out().includes('worker started'), DEADLINE)
  await until('it is listed', async () => (await web.tasks.workers()).length === 1, DEADLINE)
  t.notMatch((await inspect()).out, /RUNS/, 'nothing runs')
  const { id } = await web.tasks.enqueue('hang')
  await web.tasks.enqueue('hang', 1, { delay: 60_000 })
  const told = await until('it is told', async () => {
    const all = await web.tasks.workers()
    return all[0]?.active === 1 ? all : null
  }, DEADLINE)
  const json = JSON.parse((await inspect('--json')).out)
  t.match(json, {
    name: 'tasks',
    queues: { default: { active: 1, delayed: 1 }, mail: { active: 0 } },
    workers: [{ id: told[0]!.id, host: hostname(), pid: worker.child.pid, queues: ['default', 'mail'], concurrency: 3, active: 1, draining: false, running: [{ id, name: 'hang', queue: 'default', attempt: 1 }] }]
  })
  t.match(json.workers[0].lag, { mean: Number, max: Number })

  const { out } = await inspect()
  t.match(out, /^default +0 +1 +1 +0 +0 +0 +0$/m)
  t.match(out, new RegExp(`^WORKER +HOST +PID +QUEUES +CONCURRENCY +ACTIVE +LAG +UP +SEEN +VERSION\n${told[0]!.id} +${hostname()} +${worker.child.pid} +default,mail +3 +1 +[\\d.]+ms +\\d+s +\\d+s ago +\\d+\\.\\d+\\.\\d+`, 'm'))
  t.match(out, new RegExp(`^WORKER +RUNS +ID +QUEUE +ATTEMPT +SINCE\n${told[0]!.id} +hang +${id} +default +1 +\\d+s`, 'm'))

  worker.child.kill('SIGTERM')
  await until('it tells that it drains', async () => (await web.tasks.workers())[0]?.draining, DEADLINE)
  t.match((await inspect()).out, / 1 \(draining\) /)
  await web.tasks.cancel(id)
  t.same(await worker.exit, [0, null])
  t.same(JSON.parse((await inspect('--json')).out).workers, [], 'one that closed is not listed')
})
