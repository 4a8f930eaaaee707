import t from 'tap'
import { DEADLINE, ended, hosted, PLUGIN, run } from '../support/command.ts'
import { startRedis } from '../../scripts/redis.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

const apps = {
  'app.mjs': `import tasks from ${PLUGIN}
export default async function app (fastify) { await fastify.register(tasks, { prefix: process.env.PREFIX }) }
`,
  'without.mjs': 'export default async function app () {}',
  'throws.mjs': 'export default async function app () { throw new Error("of the app itself") }'
}

const noRedis = /Redis did not answer at redis:\/\/127\.0\.0\.1:1\/0 within 2000 ms.*--redis.*\[FST_TASKS_REDIS_UNAVAILABLE\]/

t.test('a mistake gives one clear line, and exit code 1', async t => {
  const folder = t.testdir(apps)
  const wrongUser = { REDIS_URL: REDIS_URL.replace('//', '//nobody:s3cret@') }
  const cases: Array<[string[], RegExp, NodeJS.ProcessEnv?]> = [
    [['list', '-A', 'nowhere.mjs'], /\[FST_TASKS_APP_NOT_FOUND\]/],
    [['list', '-A', 'without.mjs'], /\[FST_TASKS_APP_WITHOUT_PLUGIN\]/],
    [['list', '-A', 'throws.mjs'], /of the app itself/],
    [['list', '-A', 'app.mjs', '--redis', REDIS_URL], /"--app" and "--redis".*\[FST_TASKS_OPTION_CLASH\]/],
    [['list', '-A', 'app.mjs', '--prefix', 'x'], /"--app" and "--prefix".*\[FST_TASKS_OPTION_CLASH\]/],
    [['list', '-A', 'app.mjs', '-Q', 'x'], /"--app" and "--queues".*\[FST_TASKS_OPTION_CLASH\]/],
    [['list', '--prefix', 'a:b'], /"prefix" must be.*\[FST_TASKS_PLUGIN_OPTION_INVALID\]/],
    [['list', '--redis', 'localhost'], /"redis" must be.*\[FST_TASKS_PLUGIN_OPTION_INVALID\]/],
    [['list', '-Q', 'a:b'], /"queues" must be.*\[FST_TASKS_PLUGIN_OPTION_INVALID\]/],
    [['list', '--redis', 'redis://user:s3cret@127.0.0.1:1'], noRedis],
    [['list', '-Q', 'x', '--redis', 'redis://user:s3cret@127.0.0.1:1'], noRedis],
    [['list'], /refused the connection \(WRONGPASS.*\[FST_TASKS_REDIS_REFUSED\]/, wrongUser],
    [['list', '--rediss=redis://user:s3cret@127.0.0.1:1'], /unknown option '--rediss=redis:\/\/…@127/],
    [['list', '--redis', 'redis:/user:s3cret@127.0.0.1:1'], /\[FST_TASKS_PLUGIN_OPTION_INVALID\]/],
    [['list'], /"REDIS_URL".*\[FST_TASKS_PLUGIN_OPTION_INVALID\]/, { REDIS_URL: 'user:s3cret@127.0.0.1' }],
    // Each -Q adds queues. Of two values of a filter only one would count.
    [['list', '-Q', 'a:b', '-Q', 'x'], /"queues" must be.*\[FST_TASKS_PLUGIN_OPTION_INVALID\]/],
    [['list', '--tag', 'a', '--tag', 'b'], /--tag <tag>' argument 'b' is invalid. It was given before/],
    [['remove-many', '-s', 'failed', '--from', '2h', '--from', '1h', '-y'], /'1h' is invalid. It was given before/],
    [['remove', 'x', '--queue', 'a', '--queue', 'b', '-y'], /argument 'b' is invalid. It was given before/],
    // Refused before a process is started that would wait for a file to change.
    [['worker', '-A', 'app.mjs', '-c', '0', '--watch'], /concurrency <number>' argument '0' is invalid.*1 to 1,000/],
    [['dev', '-A', 'app.mjs', '-c', '1001'], /concurrency <number>' argument '1001' is invalid.*1 to 1,000/],
    [['worker', '-A', 'app.mjs', '--close-timeout', '2147483648'], /argument '2147483648' is invalid.*2,147,483,647/],
    [['status'], /missing required argument 'id'/],
    [['purge'], /missing required argument 'queue'/],
    [['lists'], /unknown command 'lists'.*\n?.*list/]
  ]
  await Promise.all(cases.map(async ([args, message, env]) => {
    const { code, out, err } = await hosted(folder, args, { PREFIX: randomPrefix(), ...env })
    t.same([code, out], [1, ''], args.join(' '))
    t.match(err, message)
    t.notMatch(err, /s3cret/)
    if (/\[FST_TASKS/.test(err)) t.equal(err.split('\n').length, 2, 'one line')
  }))
})

t.test('Redis becomes unavailable while the command boots the app: an error', async t => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const folder = t.testdir({
    'app.mjs': `import tasks from ${PLUGIN}
export default async function app (fastify) {
  await fastify.register(tasks)
  fastify.addHook('onReady', () => new Promise(resolve => {
    process.once('SIGUSR2', () => resolve())
    console.error('ready')
  }))
}
`
  })
  const command = run(t, folder, ['list', '-A', 'app.mjs'], { REDIS_URL: redis.url })
  await until('the app is ready', () => command.err().includes('ready'), DEADLINE)
  await redis.kill()
  command.child.kill('SIGUSR2')
  t.match(await ended(command), { code: 1, out: '', err: /\[FST_TASKS_REDIS_UNAVAILABLE\]\n$/ })
})

t.test('--help explains the exit codes', async t => {
  const codes = /Exit codes:\n {2}0 +done\n {2}1 +failed[^]* {2}2 +there is no task[^]* {2}3 +refused/
  for (const args of [['--help'], ['status', '--help']]) t.match((await hosted('.', args)).out, codes)
})
