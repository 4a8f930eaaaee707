import { hostname } from 'node:os'
import t from 'tap'
import { commandsWith, DEADLINE, PLUGIN, run } from '../support/command.ts'
import { build, randomPrefix, until } from '../support/helpers.ts'

const app = (prefix: string): string => `import tasks from ${PLUGIN}
export default async function app (fastify) {
  await fastify.register(tasks, { prefix: '${prefix}', queues: ['mail'] })
  fastify.tasks.define('hang', (data, task) => new Promise((resolve, reject) => {
    task.signal.addEventListener('abort', () => reject(task.signal.reason))
  }))
}
`

t.test('the queues, the living workers, and what each of them is running', async t => {
  const prefix = randomPrefix()
  const web = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('hang') })
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const inspect = (...args: string[]) => command('inspect', ...args)
  const counts = 'WAITING +DELAYED +ACTIVE +SUCCEEDED +FAILED +CANCELLED +EXPIRED'
  const empty = new RegExp(`^QUEUE +${counts}\ndefault +0 +0 +0 +0 +0 +0 +0\n`)
  t.match(await inspect(), { code: 0, out: empty, err: /No workers running/ })

  const folder = t.testdir({ 'app.mjs': app(prefix) })
  const worker = run(t, folder, ['worker', '-A', 'app.mjs', '-c', '3', '--close-timeout', '60000'])
  await until('the worker has started', () => worker.out().includes('worker started'), DEADLINE)
  await until('the worker is listed', async () => (await web.tasks.workers()).length === 1, DEADLINE)
  t.notMatch((await inspect()).out, /RUNS/, 'nothing runs')
  const { id } = await web.tasks.enqueue('hang')
  await web.tasks.enqueue('hang', 1, { delay: 60_000 })
  const [info] = await until('the task is listed', async () => {
    const workers = await web.tasks.workers()
    return workers[0]?.active === 1 ? workers : null
  }, DEADLINE)
  const { pid } = worker.child
  const json = JSON.parse((await inspect('--json')).out)
  t.match(json, {
    name: 'tasks',
    queues: { default: { active: 1, delayed: 1 }, mail: { active: 0 } },
    workers: [{
      id: info!.id,
      host: hostname(),
      pid,
      queues: ['default', 'mail'],
      concurrency: 3,
      active: 1,
      draining: false,
      running: [{ id, name: 'hang', queue: 'default', attempt: 1 }]
    }]
  })
  t.match(json.workers[0].lag, { mean: Number, max: Number })

  const { out } = await inspect()
  t.match(out, /^default +0 +1 +1 +0 +0 +0 +0$/m)
  const titles = 'WORKER +HOST +PID +QUEUES +CONCURRENCY +ACTIVE +LAG +UP +SEEN +VERSION'
  const values = `${info!.id} +${hostname()} +${pid} +default,mail +3 +1`
  const measured = '[\\d.]+ms +\\d+s +\\d+s ago +\\d+\\.\\d+\\.\\d+'
  t.match(out, new RegExp(`^${titles}\n${values} +${measured}`, 'm'))
  const running = `${info!.id} +hang +${id} +default +1 +\\d+s`
  t.match(out, new RegExp(`^WORKER +RUNS +ID +QUEUE +ATTEMPT +SINCE\n${running}`, 'm'))

  worker.child.kill('SIGTERM')
  await until('the worker drains', async () => (await web.tasks.workers())[0]?.draining, DEADLINE)
  t.match((await inspect()).out, / 1 \(draining\) /)
  await web.tasks.cancel(id)
  t.same(await worker.exit, [0, null])
  t.same(JSON.parse((await inspect('--json')).out).workers, [], 'a closed worker is not listed')
})
