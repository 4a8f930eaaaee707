/**
 * The rights of the plugin's user of Redis: the rules in the documentation are enough, and a right that is missing is
 * named.
 */
import { readFileSync } from 'node:fs'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { startCluster } from '../../scripts/redis-cluster.ts'
import { startRedis } from '../../scripts/redis.ts'
import tasks, { chord } from '../../lib/plugin.ts'
import type { Task } from '../../lib/types.ts'
import { build, connect, logger, reaches, until } from '../support/helpers.ts'

/** The words of the rule in a page, for the user "app". */
function ruleIn (page: string): string[] {
  const text = readFileSync(page, 'utf8')
  const rule = /ACL SETUSER app on >password ([^`]*?)\n(?:```|\n)/.exec(text)![1]!
  return rule.trim().split(/\s+/)
}

async function serverWith (t: Test, rule: string[]) {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const admin = connect(t, redis.url)
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>password', ...rule)
  return { admin, url: redis.url.replace('//', '//app:password@') }
}

const withLog = (log: ReturnType<typeof logger>): FastifyServerOptions => ({ logger: { stream: log.stream } })

for (const page of ['docs/guides/redis.md', 'SECURITY.md']) {
  t.test(`the rule in ${page} is enough for everything`, async t => {
    const { admin, url } = await serverWith(t, ruleIn(page))
    const log = logger()
    const options = { redis: url, prefix: 'bq', worker: true, stallInterval: 1_000, resultTtl: 500 }
    let x!: Task
    const app = await build(t, options, app => {
      x = app.tasks.define<any>('x', async (_data, task) => {
        await task.updateState('ON', 1)
        return 'done'
      })
      const backoff = { strategy: 'fixed', delay: 50 } as const
      app.tasks.define('limited', { limit: { max: 1 } }, async () => {})
      app.tasks.define('fails', { retries: 1, backoff }, () => { throw new Error('no') })
    }, withLog(log))
    t.equal(await (await app.tasks.enqueue('x')).result({ timeout: 60_000 }), 'done')
    const delayed = await app.tasks.enqueue('x', 1, { delay: 100 })
    t.equal(await delayed.result({ timeout: 60_000 }), 'done')
    const cancelled = await app.tasks.enqueue('x', 1, { delay: 60_000 })
    t.equal(await cancelled.cancel(), 'cancelled')
    const failed = await app.tasks.enqueue('fails')
    await failed.result({ timeout: 60_000 }).catch(() => {})
    await app.tasks.enqueueMany('x', [{}, { delay: 60_000 }])
    await app.tasks.retry(failed.id)
    const states = ['waiting', 'delayed', 'active', 'failed', 'succeeded'] as const
    for (const state of states) await app.tasks.list({ state })
    await app.tasks.counts()
    for (const target of [{ queue: 'default' }, { name: 'x' }]) await app.tasks.pause(target)
    const limited = await app.tasks.enqueueMany('limited', [{}, { delay: 50 }, {}])
    await app.tasks.status(limited[2]!.id)
    await app.tasks.setLimit('limited', { limit: { max: 2 } })
    await app.tasks.setLimit('limited', null)
    for (const target of [{ queue: 'default' }, { name: 'x' }]) await app.tasks.resume(target)
    for (const { id } of limited) await reaches(app, id, 'succeeded')
    await until('the worker reports', async () => (await app.tasks.workers()).length === 1)
    const flow = chord([x.signature(), x.signature()], x.signature())
    t.equal(await (await app.tasks.enqueueFlow(flow)).result({ timeout: 60_000 }), 'done')
    const { schedules } = app.tasks
    await schedules.set('s', { task: 'x', every: 100, overlap: 'queue' })
    await until('a tick fires', async () => (await schedules.get('s'))!.fired > 0)
    await schedules.pause('s')
    await schedules.resume('s')
    await schedules.list()
    await schedules.remove('s')
    await app.tasks.purge('default')
    await app.tasks.remove(failed.id)
    await app.close()
    const refused = await admin.call('ACL', 'LOG') as unknown[][]
    t.same(refused.filter(entry => !entry.includes('client|setinfo')), [], 'nothing was refused')
    t.notOk(log.find('redis.right_missing'))
    t.notOk(log.find('redis.connection_refused'))
  })
}

t.test('in a cluster the rule is enough with what the guide adds to it', async t => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const guide = readFileSync('docs/guides/redis.md', 'utf8')
  const added = /In a cluster the user also needs `([^`]*)`/.exec(guide)![1]!.split(' ')
  const admins = cluster.servers.map(({ url }) => connect(t, url))
  const rule = ['SETUSER', 'app', 'on', '>password', ...ruleIn('docs/guides/redis.md'), ...added]
  for (const admin of admins) await admin.call('ACL', ...rule)
  const redisOptions = { username: 'app', password: 'password' }
  const options = { redis: { cluster: cluster.startupNodes, redisOptions }, prefix: 'bq', queues: ['a', 'b'] }
  const log = logger()
  const app = await build(t, { ...options, worker: true }, app => { app.tasks.define('x', () => 'done') }, withLog(log))
  for (const queue of ['default', 'a', 'b']) {
    const handle = await until('Redis is connected', () => app.tasks.enqueue('x', 1, { queue }).catch(() => null))
    t.equal(await handle.result({ timeout: 60_000 }), 'done')
  }
  await app.close()
  for (const admin of admins) {
    const refused = await admin.call('ACL', 'LOG') as unknown[][]
    t.same(refused.filter(entry => !entry.includes('client|setinfo')), [], 'nothing was refused')
  }
  t.notOk(log.find('redis.right_missing'))
})

/** What Redis 7 gives a new user: no channel. */
const WITHOUT_CHANNELS = ['resetchannels', '~*', '+@all']

async function start (t: Test, url: string, log: ReturnType<typeof logger>): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(withLog(log) as object)
  t.teardown(() => app.close())
  await app.register(tasks, { redis: url, prefix: 'bq', worker: true })
  app.tasks.define('x', () => 'done')
  await app.ready()
  return app
}

t.test('a user without channels: the right is named, and tasks run', async t => {
  const { url } = await serverWith(t, WITHOUT_CHANNELS)
  const log = logger()
  const app = await start(t, url, log)
  t.match(log.find('redis.right_missing'), { level: 40, right: '&bq:* +publish', err: { message: /^NOPERM/ } })
  const refused = await until('the subscription is named', () => log.find('redis.connection_refused'))
  t.match(refused, { connection: 'subscriber', reason: 'NOPERM' })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'succeeded')
})

t.test('a user without scripts: the right is named', async t => {
  const { url } = await serverWith(t, ['~*', '&*', '+@all', '-eval', '-evalsha'])
  const log = logger()
  await start(t, url, log)
  t.match(log.find('redis.right_missing'), { level: 40, right: '+eval +evalsha', err: { message: /^NOPERM/ } })
})

t.test('a user without channels: a delayed enqueue, a cancel and a wait succeed', async t => {
  const { url } = await serverWith(t, WITHOUT_CHANNELS)
  const app = await start(t, url, logger())
  const delayed = await app.tasks.enqueue('x', 1, { delay: 60_000 })
  t.equal(await delayed.cancel(), 'cancelled')
  const soon = await app.tasks.enqueue('x', 1, { delay: 50 })
  t.equal(await soon.result({ timeout: 60_000 }), 'done')
})
