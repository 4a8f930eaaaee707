import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { commandsWith, ended, hosted, PLUGIN, run, type Ended } from '../support/command.ts'
import { build, randomPrefix, REDIS_URL } from '../support/helpers.ts'

const body = `
  await fastify.register(tasks, { prefix: process.env.PREFIX, queues: ['mail'], worker: true })
  fastify.tasks.define('x', { expose: ['data'] }, () => { console.error('it works') })
  fastify.addHook('onListen', async () => console.error('it listens'))
  setInterval(() => {}, 1000)
`
const esm = `import tasks from ${PLUGIN}
export const options = { logger: true }
export default async function app (fastify) {${body}}
`
const typed = `import tasks from ${PLUGIN}
export default async function app (fastify: any): Promise<void> {${body}}
`
const cjs = `module.exports = async function app (fastify) {
  const { default: tasks } = await import(${PLUGIN})${body}}
`

for (const [file, text] of [['app.mjs', esm], ['app.ts', typed], ['app.cjs', cjs]] as const) {
  t.test(`${file}: the app names its Redis; it boots without listening, without working, without a log`, async t => {
    const prefix = randomPrefix()
    const web = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('x') })
    const folder = t.testdir({ [file]: text, 'package.json': '{"type":"module"}' })
    const { id } = await web.tasks.enqueue('x', { a: 1 })
    const inFolder = (...args: string[]): Promise<Ended> => file.endsWith('.ts')
      ? ended(run(t, folder, args, { PREFIX: prefix })) // it loads tsx
      : hosted(folder, args, { PREFIX: prefix })
    const status = await inFolder('status', id, '-A', file, '--json')
    t.same([status.code, status.err], [0, ''])
    t.match(JSON.parse(status.out), { id, state: 'waiting', data: { a: 1 } })
    const inspected = await inFolder('inspect', '-A', file, '--json')
    const queues = { default: { waiting: 1 }, mail: { waiting: 0 } }
    t.match(JSON.parse(inspected.out), { name: 'tasks', queues, workers: [] })
  })
}

t.test('without an app: --redis, else REDIS_URL; the queues are those that have keys', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const prefix = randomPrefix()
  const options = { redis: redis.url, prefix, queues: ['mail', 'empty'] }
  const app = await build(t, options, app => { app.tasks.define('x') })
  const { id } = await app.tasks.enqueue('x', 1, { queue: 'mail' })
  const inspect = async (args: string[], url = redis.url): Promise<any> =>
    JSON.parse((await hosted('.', ['inspect', '--json', ...args], { REDIS_URL: url })).out)
  t.match(await inspect(['--prefix', prefix, '--redis', redis.url], REDIS_URL),
    { redis: `${redis.url}/0`, queues: { mail: { waiting: 1 }, empty: undefined } })
  t.match(await inspect(['--prefix', prefix]), { queues: { mail: { waiting: 1 } } })
  t.match(await inspect(['--prefix', prefix, '-Q', 'empty']), { queues: { empty: { waiting: 0 }, mail: undefined } })
  t.match(await inspect([]), { queues: { default: { waiting: 0 }, mail: undefined } }, 'another prefix')
  const args = ['status', id, '--prefix', prefix, '-Q', 'empty']
  const notThere = await hosted('.', args, { REDIS_URL: redis.url })
  t.match(notThere, { code: 2, err: /looked for in redis:\/\/127\.0\.0\.1:\d+\/0, queues default, empty\n$/ })
})

t.test('an app that registers the plugin twice: all instances are searched, or the named one', async t => {
  const prefixes = [randomPrefix(), randomPrefix()]
  const folder = t.testdir({
    'app.mjs': `import tasks from ${PLUGIN}
export default async function app (fastify) {
  await fastify.register(tasks, { prefix: '${prefixes[0]}' })
  await fastify.register(tasks, { prefix: '${prefixes[1]}', name: 'reports', queues: ['pdf'] })
}
`
  })
  const web = await build(t, { prefix: prefixes[1], queues: ['pdf'] }, app => { app.tasks.define('x') })
  const { id } = await web.tasks.enqueue('x', null, { queue: 'pdf' })
  const command = commandsWith(t, folder, ['-A', 'app.mjs'])
  const [status, both, named, unnamed, wrong, purge] = await Promise.all([
    command('status', id, '--json'), command('inspect', '--json'), command('list', '--instance', 'reports', '--json'),
    command('list'), command('list', '--instance', 'none'), command('purge', 'default', '--yes')
  ])
  t.equal(JSON.parse(status!.out).id, id)
  t.match(JSON.parse(both!.out), [
    { name: 'tasks', queues: { default: { waiting: 0 } } }, { name: 'reports', queues: { pdf: { waiting: 1 } } }
  ])
  t.match((await command('inspect')).err, /^tasks: redis.*\n[^]*reports: redis/)
  t.equal(JSON.parse(named!.out).tasks[0].id, id)
  const inQueue = { code: 0, err: '', out: RegExp(`"id":"${id}"`) }
  t.match(await command('status', id, '--queue', 'pdf', '--json'), inQueue, 'only one of them knows the queue')
  t.match(await command('reschedule', id, '--queue', 'pdf', '--delay', '1', '--json'), { ...inQueue, code: 3, err: /time/ })
  const unknown = { code: 1, err: /\[FST_TASKS_QUEUE_UNKNOWN\]/ }
  t.match(await command('cancel', id, '--queue', 'nowhere'), unknown)
  t.match(await command('cancel', id, '--queue', 'pdf', '--json'), { ...inQueue, err: /never will/ })
  t.match(await command('retry', id, '--queue', 'pdf', '--json'), { ...inQueue, code: 3, err: /cancelled/ })
  t.match(await command('logs', id, '--queue', 'pdf'), { code: 0, err: /Nothing was kept/ })
  t.match(await command('remove', id, '--queue', 'pdf', '--json', '--yes'), inQueue)

  const first = await build(t, { prefix: prefixes[0] }, app => { app.tasks.define('x') })
  await first.tasks.enqueue('x', null, { id: 'invoice' })
  for (const id of ['invoice', 'only-one']) await web.tasks.enqueue('x', null, { id })
  const ambiguous = { code: 1, out: '', err: /instances of the plugin: tasks, reports\. .*\[FST_TASKS_INSTANCE_AMBIGUOUS\]/ }
  for (const args of [['status'], ['logs'], ['cancel'], ['retry'], ['promote'], ['remove', '--yes']]) {
    t.match(await command(args[0]!, 'invoice', ...args.slice(1)), ambiguous, args[0])
  }
  t.match(await command('remove', 'invoice', '--yes', '--instance', 'reports'), { code: 0, out: /invoice +removed/ })
  t.match(await first.tasks.status('invoice'), { state: 'waiting' })
  t.match(await command('remove', 'invoice', '--yes'), { code: 0, out: /invoice +removed/ }, 'one is left')
  t.match(await command('cancel', 'only-one'), { code: 0, out: /only-one +cancelled/ })
  const message = /under the names tasks, reports; got (none|none)\. .*--instance tasks \[FST_TASKS_INSTANCE_UNKNOWN\]\n$/
  for (const refused of [unnamed!, wrong!, purge!]) t.match(refused, { code: 1, out: '', err: message })
})
