/**
 * Every option that a person can write: good values are accepted, wrong values are refused with a text that helps.
 */
import { inspect } from 'node:util'
import Fastify from 'fastify'
import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import tasks from '../lib/plugin.ts'
import { connect } from '../lib/store/redis/connection.ts'
import {
  checkDefine, checkEnqueue, checkResult, defaults, pluginSettings, refuseClientOptions, workerSettings
} from '../lib/options.ts'
import { build, errorOf } from './support/helpers.ts'
import {
  backoff, define, enqueue, metrics, plugin, result, routes, schema, strategies, threads, worker, wrongObjects,
  type Table
} from './support/option-tables.ts'

const PLUGIN = 'FST_TASKS_PLUGIN_OPTION_INVALID'
const TASK = 'FST_TASKS_TASK_OPTION_INVALID'
const UNKNOWN = 'FST_TASKS_OPTION_UNKNOWN'
const CLASH = 'FST_TASKS_OPTION_CLASH'
const settings = pluginSettings({ backoffStrategies: strategies })

interface Place { name: string, table: Table, check: (options: any) => unknown, code: string, path: string }
const checkPlugin = (options: any): unknown => pluginSettings({ backoffStrategies: strategies, ...options })
const fixed = (options: any): any => ({ backoff: { strategy: 'fixed', ...options } })
const place = (name: string, table: Table, check: Place['check'], code: string, path = ''): Place =>
  ({ name, table, check, code, path })
const places: Place[] = [
  place('register', plugin, checkPlugin, PLUGIN),
  place('register: routes', routes, options => checkPlugin({ routes: options }), PLUGIN, 'routes.'),
  place('register: worker', worker, options => checkPlugin({ worker: options }), PLUGIN, 'worker.'),
  place('register: threads', threads, options => checkPlugin({ threads: options }), PLUGIN, 'threads.'),
  place('register: metrics', metrics, options => checkPlugin({ metrics: options }), PLUGIN, 'metrics.'),
  place('register: backoff', backoff, options => checkPlugin(fixed(options)), PLUGIN, 'backoff.'),
  place('startWorker', worker, options => workerSettings(options, []), PLUGIN, 'worker.'),
  place('define', define, options => checkDefine('a', options, settings), TASK),
  place('define: backoff', backoff, options => checkDefine('a', fixed(options), settings), TASK, 'backoff.'),
  place('define: schema', schema, options => checkDefine('a', { schema: options }, settings), TASK, 'schema.'),
  place('enqueue', enqueue, options => checkEnqueue('a', options, settings), TASK),
  place('result', result, options => checkResult('a', options), TASK),
  place('enqueue: backoff', backoff, options => checkEnqueue('a', fixed(options), settings), TASK, 'backoff.')
]

async function refuses (t: Test, check: () => unknown, code: string, ...says: string[]): Promise<void> {
  const { code: came, message } = await errorOf(check)
  t.equal(came, code, message)
  for (const part of says) t.ok(message.includes(part), `"${message}" says: ${part}`)
}

for (const { name, table, check, code, path } of places) {
  for (const [option, { good, bad, expected, fix }] of Object.entries(table)) {
    t.test(`${name}: ${option}`, async (t) => {
      for (const value of good) t.doesNotThrow(() => check({ [option]: value }), `takes ${String(value)}`)
      for (const [value, shown] of bad) {
        await refuses(t, () => check({ [option]: value }), code, `"${path}${option}"`, expected, shown, fix)
      }
    })
  }

  t.test(`${name}: names that are no options`, async (t) => {
    for (const key of ['nope', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '']) {
      await refuses(t, () => check(JSON.parse(`{"${key}":1}`)), UNKNOWN, `"${key}"`, 'Did you mean "')
    }
  })

  t.test(`${name}: what it knows is what is tested here`, async (t) => {
    const { message } = await errorOf(() => check({ nope: 1 }))
    const known = message.split('Known here: ')[1]!.split(', ').filter(key => key !== 'id')
    t.strictSame(known.sort(), Object.keys(table).sort())
  })
}

const suggestions: Record<string, Record<string, string>> = {
  register: {
    retrys: 'retries',
    Retries: 'retries',
    timout: 'timeout',
    resultTTL: 'resultTtl',
    stalInterval: 'stallInterval',
    backOff: 'backoff',
    route: 'routes',
    queue: 'queues',
    maxdatasize: 'maxDataSize',
    workers: 'worker',
    keyPrefix: 'prefix',
    exposestack: 'exposeStack'
  },
  'register: routes': { preHandlers: 'preHandler', onrequest: 'onRequest', prefx: 'prefix' },
  'register: backoff': { jiter: 'jitter', strategie: 'strategy', dely: 'delay' },
  startWorker: { concurency: 'concurrency', queue: 'queues', closetimeout: 'closeTimeout' },
  define: { retrys: 'retries', resultTTL: 'resultTtl', queues: 'queue', timeOut: 'timeout' },
  enqueue: {
    delayUntill: 'delayUntil', delay_until: 'delayUntil', expire: 'expires', Id: 'id', dealy: 'delay', retrys: 'retries'
  }
}

for (const [name, table] of Object.entries(suggestions)) {
  t.test(`${name}: the suggestion is the nearest name`, async (t) => {
    const { check } = places.find(place => place.name === name)!
    for (const [typo, meant] of Object.entries(table)) {
      await refuses(t, () => check({ [typo]: 1 }), UNKNOWN, `Did you mean "${meant}"`)
    }
  })
}

t.test('an own strategy is taken where it is registered only, and the refusal lists what there is', async (t) => {
  const bare = pluginSettings({})
  const options = { backoff: { strategy: 'linear' } }
  const says = ['"backoff.strategy"', 'one of immediate, fixed, exponential', '"linear"']
  await refuses(t, () => pluginSettings(options), PLUGIN, ...says)
  await refuses(t, () => checkDefine('a', options, bare), TASK, ...says)
  await refuses(t, () => checkEnqueue('a', options, bare), TASK, ...says)
})

t.test('names of tasks and ids', async (t) => {
  for (const good of ['a', '9', '_', 'a.b:c-d_e', '__proto__', 'constructor', 'x'.repeat(100)]) {
    t.doesNotThrow(() => checkDefine(good, {}, settings), good)
    t.doesNotThrow(() => checkEnqueue('a', { id: good }, settings), good)
  }
  const wrong: any[] = [
    '', '.', '..', '-a', ':a', 'a b', 'a/b', 'a%2f', 'é', '*', 'a\n', 'x'.repeat(101), 5, null, {}, ['a']
  ]
  for (const bad of wrong) {
    const shown = JSON.stringify(bad).slice(0, 77)
    await refuses(t, () => checkDefine(bad, {}, settings), 'FST_TASKS_NAME_INVALID', '1 to 100 characters', shown)
    await refuses(
      t, () => checkEnqueue('a', { id: bad }, settings), 'FST_TASKS_ID_INVALID', '1 to 100 characters', shown,
      'random UUID'
    )
  }
})

t.test('options that are no object', async (t) => {
  for (const [value, shown] of wrongObjects as Array<[any, string]>) {
    await refuses(t, () => checkDefine('a', value, settings), TASK, '"options"', 'an object', shown, 'retries: 3')
    await refuses(t, () => checkEnqueue('a', value, settings), TASK, '"options"', 'an object', shown, 'delay: 60000')
    await refuses(t, () => checkResult('a', value), TASK, '"options"', 'an object', shown, 'timeout: 5000')
  }
})

t.test('options of startWorker that are no object', async (t) => {
  for (const [value, shown] of wrongObjects as Array<[any, string]>) {
    await refuses(t, () => workerSettings(value, []), PLUGIN, 'an object', shown)
  }
})

t.test('delay and delayUntil clash', async (t) => {
  const options = { delay: 0, delayUntil: new Date() }
  await refuses(t, () => checkEnqueue('a', options, settings), CLASH, '"delay"', '"delayUntil"', 'give one')
  t.doesNotThrow(() => checkEnqueue('a', { ...options, delay: undefined }, settings))
})

t.test('a refusal shows a number that JSON cannot carry as what it is', async (t) => {
  for (const value of [NaN, Infinity]) {
    await refuses(t, () => pluginSettings({ retries: value }), PLUGIN, `got ${value}`)
  }
})

t.test('the nodes of a cluster', async (t) => {
  const bad: Array<[unknown, string]> = [
    [[], '[]'],
    ['redis://h:1', '"string"'],
    [['h:1'], '["string"]'],
    [[{ host: 'h', password: 'hunter2' }, null], '["object","object"]']
  ]
  const says = ['"redis.cluster"', 'an array of one or more nodes', '{ cluster: [{ host: "redis-1"']
  for (const [cluster, shown] of bad) {
    await refuses(t, () => pluginSettings({ redis: { cluster } as any }), PLUGIN, ...says, shown)
  }
  const prefixed = { cluster: [1], redisOptions: { keyPrefix: 'x:' }, lazyConnect: true }
  await refuses(t, () => connect(prefixed, undefined), CLASH, '"prefix"')
})

const mistyped: any[] = [
  'reddis://user:hunter2@host/0', 'redis:/user:hunter2@host', 'redis:user:hunter2@host', 'user:hunter2@host:6379',
  '//user:hunter2@host', 'http://:hunter2@host', ':hunter2@host', 'redis//:hunter2@host', ' redis://:hunter2@host',
  'redis://user:hunter2', 'redis://:hunter2/x@host', 'redis://u:1/hunter2@host', 'redis://u:1#hunter2@host',
  'redis://u:1?hunter2@host', 'redis://:hunter2%off@host', 'redis://:hunter2@', 'redis://:hunter2@host:port'
]

t.test('a refusal does not print a password', async (t) => {
  const before = process.env.REDIS_URL
  t.teardown(() => { process.env.REDIS_URL = before })
  const values = [
    ...mistyped, ['redis://:hunter2@host'], [{ password: 'hunter2' }], { host: 'redis://:hunter2@host' },
    { sentinels: [{ host: ':hunter2@host' }] }, { cluster: ['redis://:hunter2/x@host'] }, () => 'hunter2',
    { cluster: [{ host: 'redis://:hunter2@host' }] }, { cluster: ['redis://user:hunter2'] }
  ]
  for (const redis of values) {
    const error = await errorOf(() => pluginSettings({ redis }))
    t.equal(error.code, 'FST_TASKS_PLUGIN_OPTION_INVALID')
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), 'hunter2')
  }
  for (const url of mistyped) {
    process.env.REDIS_URL = url
    const error = await errorOf(() => connect(undefined, undefined))
    t.match(error, { code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message: /"REDIS_URL"/ })
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), 'hunter2')
  }
  for (const url of ['', 'redis://:a%2Fb@127.0.0.1:1/2']) {
    process.env.REDIS_URL = url
    t.doesNotThrow(() => connect(undefined, undefined).client.disconnect(), `REDIS_URL "${url}"`)
  }
})

t.test('undefined is as if left out', async (t) => {
  const blank = (table: Table): any => Object.fromEntries(Object.keys(table).map(key => [key, undefined]))
  t.strictSame(pluginSettings(blank(plugin)), pluginSettings({}))
  t.strictSame(pluginSettings({}), defaults)
  t.strictSame(pluginSettings({ threads: { max: 3, idleTimeout: undefined } }).threads, { max: 3, idleTimeout: 60_000 })
  t.strictSame(workerSettings(blank(worker), ['mail']), { queues: ['mail'], concurrency: 10, closeTimeout: 10_000 })
  const nested = { worker: blank(worker), routes: blank(routes), threads: blank(threads) }
  t.doesNotThrow(() => pluginSettings({ ...nested, backoff: { ...blank(backoff), strategy: 'fixed' } }))
  t.doesNotThrow(() => checkDefine('a', blank(define), settings))
  t.doesNotThrow(() => checkEnqueue('a', { ...blank(enqueue), id: undefined }, settings))
})

t.test('an option falls back from enqueue to define to register', async (t) => {
  const app = await build(t, { retries: 1, timeout: 5 }, app => {
    app.tasks.define('a', { retries: 3, timeout: undefined })
  })
  const attempts = async (options: any): Promise<unknown> =>
    (await app.tasks.enqueue('a', 1, options)).snapshot?.attempts
  t.equal(await attempts({ retries: 7 }), 8)
  t.equal(await attempts({ retries: 0 }), 1)
  t.equal(await attempts({ retries: undefined }), 4)
  app.tasks.define('b', { retries: undefined })
  t.equal((await app.tasks.enqueue('b')).snapshot?.attempts, 2)
})

t.test('options of other libraries that say where Redis is are refused: ioredis would ignore them', async (t) => {
  const password = 'hunter2'
  const refusal = async (redis: object): Promise<string> => {
    const { code, message } = await errorOf(() => pluginSettings({ redis }))
    t.equal(code, 'FST_TASKS_PLUGIN_OPTION_INVALID')
    t.notMatch(message, password)
    return message
  }
  t.match(await refusal({ url: `redis://:${password}@host:1` }), /"redis\.url" .*Give the URL itself/)
  t.match(await refusal({ socket: { host: 'host', password } }), /"redis\.socket" .*\{ host, port \}/)
  t.doesNotThrow(() => pluginSettings({ redis: { url: undefined, host: 'host' } as object }))
})

t.test('a keyPrefix is refused, wherever it stands', async (t) => {
  const refusal = (run: () => unknown): Promise<void> =>
    refuses(t, run, CLASH, '"redis.keyPrefix"', '"prefix"', 'register(tasks, { prefix: "myapp" })')
  const client = new Redis({ lazyConnect: true, keyPrefix: 'x:' })
  const cluster = new Cluster([{ port: 1 }], { lazyConnect: true, keyPrefix: 'x:' })
  await refusal(() => pluginSettings({ redis: { keyPrefix: 'x:' } }))
  for (const redis of [client, cluster]) {
    await refusal(() => pluginSettings({ redis }))
    await refusal(() => refuseClientOptions(redis))
    await refusal(() => connect(undefined, redis))
  }
  t.doesNotThrow(() => pluginSettings({ redis: { keyPrefix: '' } }))
  t.doesNotThrow(() => connect(new Redis({ lazyConnect: true }), undefined))
})

t.test('a keyPrefix in a URL is refused too', async (t) => {
  const open = (redis: string | undefined): void =>
    connect(pluginSettings({ redis }).redis, undefined).client.disconnect()
  const url = 'redis://127.0.0.1:1/0?keyPrefix=x:'
  const before = process.env.REDIS_URL
  t.teardown(() => { process.env.REDIS_URL = before })
  await refuses(t, () => open(url), CLASH, '"prefix"')
  process.env.REDIS_URL = url
  await refuses(t, () => open(undefined), CLASH, '"prefix"')
})

t.test('a client that gives replies in another form is refused, wherever the option stands', async (t) => {
  for (const form of [{ stringNumbers: true }, { replyMapping: 'resp3' as const }]) {
    const client = new Redis({ lazyConnect: true, ...form })
    const cluster = new Cluster([{ port: 1 }], { lazyConnect: true, redisOptions: form })
    const says = [`"redis.${Object.keys(form)[0]}"`, 'register(tasks, { redis: "redis://host:6379" })']
    for (const redis of [form, { cluster: [1], redisOptions: form }, client, cluster] as any[]) {
      await refuses(t, () => pluginSettings({ redis }), PLUGIN, ...says)
    }
    for (const redis of [client, cluster]) await refuses(t, () => connect(undefined, redis), PLUGIN, ...says)
  }
  const plain = { stringNumbers: false, replyMapping: 'legacy' } as const
  t.doesNotThrow(() => connect(new Redis({ lazyConnect: true, ...plain }), undefined))
})

t.test('register refuses options as a whole that are none, as each call does', async (t) => {
  const promise = Promise.resolve({ prefix: 'mine' })
  const none = [promise, new Map([['prefix', 'mine']]), [], 'mine', 5, true, async () => ({})]
  for (const options of none) {
    const app = Fastify()
    t.teardown(() => app.close())
    await refuses(t, async () => { await app.register(tasks, options as any) }, PLUGIN, '"options" must be an object')
  }
  for (const options of [undefined, null, Object.create(null), () => ({ mode: 'memory' })]) {
    const app = Fastify()
    t.teardown(() => app.close())
    await t.resolves(Promise.resolve(app.register(tasks, options)))
  }
})
