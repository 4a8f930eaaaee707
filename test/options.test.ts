/**
 * Every option that a person can write: what is taken, what is refused, and what the refusal says.
 */
import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { connect } from '../lib/store/redis/connection.ts'
import { checkDefine, checkEnqueue, checkResult, defaults, pluginSettings, refuseKeyPrefix, workerSettings } from '../lib/options.ts'
import { build, errorOf } from './support/helpers.ts'

const DAY = 86_400_000
const CENTURIES = 8.64e15 / 4
const TIMER = 2 ** 31 - 1
const run = (): void => {}
const long = 'x'.repeat(65)
const strategies = { linear: () => 1 }
const settings = pluginSettings({ backoffStrategies: strategies })

/** A value as it stands in a message. */
type Bad = [value: unknown, shown: string]
interface Row { good: unknown[], bad: Bad[], expected: string, fix: string }
type Table = Record<string, Row>

const notNumbers: Bad[] = [['1', '"1"'], [1.5, '1.5'], [NaN, ''], [Infinity, ''], [1n, '1n'], [null, 'null'], [true, 'true'], [[], '[]']]
const whole = (min: number, max: number, fix: string): Row => ({
  good: [min, max],
  bad: [[min - 1, `${min - 1}`], [max + 1, `${max + 1}`], ...notNumbers],
  expected: `${min.toLocaleString('en')} to ${max.toLocaleString('en')}`,
  fix
})
const named = (fix: string): Row => ({
  good: ['a', 'A-z_09', '-', '__proto__', 'x'.repeat(64)],
  bad: [['', '""'], ['a:b', '"a:b"'], ['{a}', '"{a}"'], ['a b', '"a b"'], ['é', '"é"'], ['a\n', '"a\\n"'], [long, long], [5, '5'], [null, 'null'], [['a'], '["a"]']],
  expected: 'a string of 1 to 64 characters of A-Z, a-z, 0-9, "_", "-"',
  fix
})
const queueList: Row = {
  good: [[], ['default', 'mail']],
  bad: [['mail', '"mail"'], [['a:b'], '["a:b"]'], [[5], '[5]'], [null, 'null'], [{}, '{}']],
  expected: 'an array of queue names',
  fix: 'For example ["default", "mail"].'
}
const flag = (fix: string): Row => ({ good: [true, false], bad: [['yes', '"yes"'], [1, '1'], [0, '0'], [null, 'null']], expected: 'true or false', fix })
const hooks: Row = { good: [run, [run, run], []], bad: [['x', '"x"'], [[run, 1], '[null,1]'], [null, 'null'], [{}, '{}']], expected: 'a function or an array of functions', fix: 'As in a route' }
const object: Bad[] = [['x', '"x"'], [5, '5'], [null, 'null'], [[], '[]'], [run, 'a function (run)']]

const backoff: Table = {
  strategy: { good: ['immediate', 'fixed', 'exponential', 'linear'], bad: [['cubic', '"cubic"'], ['__proto__', '"__proto__"'], ['toString', '"toString"'], [undefined, 'ndefined'], [5, '5'], [null, 'null']], expected: 'immediate', fix: 'backoffStrategies' },
  delay: whole(1, TIMER, 'For example 1000'),
  max: whole(1, CENTURIES, 'For example 60000'),
  jitter: flag('Full jitter')
}

const ofEveryTask: Table = {
  retries: whole(0, 1_000_000, 'For example 3'),
  timeout: whole(0, TIMER, '0 is no limit'),
  backoff: { good: [{ strategy: 'fixed' }, { strategy: 'linear', delay: 1, max: 2, jitter: false }], bad: object, expected: 'an object', fix: 'strategy: "exponential"' }
}
const define: Table = {
  ...ofEveryTask,
  queue: named('"mail"'),
  resultTtl: whole(0, CENTURIES, 'one day'),
  authorize: { good: [run], bad: [...object.slice(0, 4), [{}, '{}']], expected: 'a function', fix: '(request, record)' },
  expose: { good: [[], ['data']], bad: [['data', '"data"'], [['result'], '["result"]'], [null, 'null'], [{}, '{}']], expected: 'an array of "data"', fix: '["data"]' },
  thread: {
    good: ['./a.js', '/a/b.ts', 'file:///a.js', new URL('file:///a%20b.js')],
    bad: [['', '""'], ['a\0', '"a'], [new URL('https://x/a.js'), '"https://x/a.js"'], ['file://host/a.js', '"file://host/a.js"'], [5, '5'], [null, 'null'], [{}, '{}'], [run, 'a function (run)']],
    expected: 'a path, or a file: URL',
    fix: 'import.meta.url'
  },
  schema: { good: [{}, { data: {} }], bad: object, expected: 'an object', fix: '{ data: {' }
}
const anySchema: Row = { good: [{}, true, false], bad: [['x', '"x"'], [5, '5'], [null, 'null'], [run, 'a function (run)']], expected: 'a schema', fix: 'For example { type: "object"' }
const schema: Table = { data: anySchema, result: anySchema, progress: anySchema }
const enqueue: Table = {
  ...ofEveryTask,
  queue: named('"mail"'),
  delay: whole(0, CENTURIES, 'delayUntil'),
  delayUntil: {
    good: [new Date(), Date.now() - DAY, Date.now() + DAY],
    bad: [[Math.floor(Date.now() / 1000), `${Math.floor(Date.now() / 1000)}`], [1e21, '1e+21'], [0, '0'], [-1, '-1'], [1e12 + 0.5, '.5'], ['2030-01-01', '"2030-01-01"'], [new Date(NaN), ''], [null, 'null']],
    expected: 'a Date, or ms since 1970',
    fix: 'multiplied by 1000'
  },
  expires: {
    good: [new Date(), 0, 60_000],
    bad: [[-1, '-1'], [1.5, '1.5'], [1e21, '1e+21'], ['1m', '"1m"'], [new Date(NaN), ''], [null, 'null']],
    expected: 'a Date, or a whole number of ms from now',
    fix: 'For example 60000'
  }
}
const result: Table = {
  timeout: whole(0, TIMER, '0 reads the record once'),
  signal: { good: [AbortSignal.abort(), new AbortController().signal], bad: [[{ aborted: false }, '{"aborted":false}'], ['x', '"x"'], [null, 'null'], [true, 'true']], expected: 'an AbortSignal', fix: 'AbortSignal.timeout(5000)' }
}
const worker: Table = { queues: queueList, concurrency: whole(1, 1_000, 'For example 10'), closeTimeout: whole(0, TIMER, 'For example 10000') }
const routes: Table = {
  prefix: {
    good: ['/jobs', '/a/b'],
    bad: [['/', '"/"'], ['jobs', '"jobs"'], ['/jobs/', '"/jobs/"'], ['', '""'], ['/a?b', '"/a?b"'], ['/a#b', '"/a#b"'], [5, '5'], [null, 'null']],
    expected: 'a path that starts with "/"',
    fix: 'For example "/jobs"'
  },
  cancel: flag('DELETE /tasks/:id'),
  onRequest: hooks,
  preHandler: hooks
}
const threads: Table = { max: whole(1, 1_000, 'For example 4'), idleTimeout: whole(0, TIMER, 'For example 60000'), maxHeap: whole(16, 2 ** 20, 'For example 512') }
const plugin: Table = {
  ...ofEveryTask,
  name: named('fastify.reports'),
  mode: { good: ['redis', 'memory'], bad: [['Memory', '"Memory"'], ['', '""'], [true, 'true'], [null, 'null'], [['memory'], '["memory"]']], expected: '"redis" or "memory"', fix: 'for tests' },
  prefix: named('routes: { prefix: "/jobs" }'),
  redis: {
    good: ['redis://user:pass@host:1/2', 'rediss://host', '/tmp/redis.sock', {}, { host: 'x' }, { cluster: ['redis://h:1', 7000, { host: 'h' }], scaleReads: 'all' }],
    bad: [['', '""'], ['localhost:6379', '"localhost:6379"'], ['http://x', '"http://x"'], ...object.slice(1)],
    expected: 'a URL (redis://user:password@host:port/db',
    fix: 'Leave it out'
  },
  queues: queueList,
  routes: { good: [false, {}], bad: [[true, 'true'], ...object], expected: 'false or an object', fix: 'prefix: "/jobs"' },
  worker: { good: [true, false, {}], bad: object, expected: 'true, false or an object', fix: 'concurrency: 10' },
  threads: { good: [{}, { max: 2 }], bad: object, expected: 'an object', fix: 'max: 4' },
  backoffStrategies: { good: [{}, strategies], bad: [[{ linear: 5 }, '{"linear":5}'], ...object], expected: 'an object of functions', fix: 'linear:' },
  resultTtl: whole(0, CENTURIES, 'one day'),
  stallInterval: whole(1_000, TIMER, 'longer than any handler'),
  maxStalls: whole(0, 1_000, 'For example 2'),
  redisTimeout: whole(1, TIMER, 'For example 2000'),
  connectTimeout: whole(1, TIMER, 'For example 2000'),
  maxDataSize: whole(1, 2 ** 29, 'For example 1048576'),
  maxResultSize: whole(1, 2 ** 29, 'For example 1048576'),
  maxProgressSize: whole(1, 2 ** 29, 'For example 65536'),
  exposeStack: flag('Stacks')
}

interface Place { name: string, table: Table, check: (options: any) => unknown, code: string, path: string }
const checkPlugin = (options: any): unknown => pluginSettings({ backoffStrategies: strategies, ...options })
const fixed = (options: any): any => ({ backoff: { strategy: 'fixed', ...options } })
const places: Place[] = [
  { name: 'register', table: plugin, check: checkPlugin, code: 'FST_TASKS_PLUGIN_OPTION_INVALID', path: '' },
  { name: 'register: routes', table: routes, check: options => checkPlugin({ routes: options }), code: 'FST_TASKS_PLUGIN_OPTION_INVALID', path: 'routes.' },
  { name: 'register: worker', table: worker, check: options => checkPlugin({ worker: options }), code: 'FST_TASKS_PLUGIN_OPTION_INVALID', path: 'worker.' },
  { name: 'register: threads', table: threads, check: options => checkPlugin({ threads: options }), code: 'FST_TASKS_PLUGIN_OPTION_INVALID', path: 'threads.' },
  { name: 'register: backoff', table: backoff, check: options => checkPlugin(fixed(options)), code: 'FST_TASKS_PLUGIN_OPTION_INVALID', path: 'backoff.' },
  { name: 'startWorker', table: worker, check: options => workerSettings(options, []), code: 'FST_TASKS_PLUGIN_OPTION_INVALID', path: 'worker.' },
  { name: 'define', table: define, check: options => checkDefine('a', options, settings), code: 'FST_TASKS_TASK_OPTION_INVALID', path: '' },
  { name: 'define: backoff', table: backoff, check: options => checkDefine('a', fixed(options), settings), code: 'FST_TASKS_TASK_OPTION_INVALID', path: 'backoff.' },
  { name: 'define: schema', table: schema, check: options => checkDefine('a', { schema: options }, settings), code: 'FST_TASKS_TASK_OPTION_INVALID', path: 'schema.' },
  { name: 'enqueue', table: enqueue, check: options => checkEnqueue('a', options, settings), code: 'FST_TASKS_TASK_OPTION_INVALID', path: '' },
  { name: 'result', table: result, check: options => checkResult('a', options), code: 'FST_TASKS_TASK_OPTION_INVALID', path: '' },
  { name: 'enqueue: backoff', table: backoff, check: options => checkEnqueue('a', fixed(options), settings), code: 'FST_TASKS_TASK_OPTION_INVALID', path: 'backoff.' }
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
      for (const [value, shown] of bad) await refuses(t, () => check({ [option]: value }), code, `"${path}${option}"`, expected, shown, fix)
    })
  }

  t.test(`${name}: names that are no options`, async (t) => {
    for (const key of ['nope', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '']) {
      await refuses(t, () => check(JSON.parse(`{"${key}":1}`)), 'FST_TASKS_OPTION_UNKNOWN', `"${key}"`, 'Did you mean "')
    }
  })

  t.test(`${name}: what it knows is what is tested here`, async (t) => {
    const { message } = await errorOf(() => check({ nope: 1 }))
    const known = message.split('Known here: ')[1]!.split(', ').filter(key => key !== 'id')
    t.strictSame(known.sort(), Object.keys(table).sort())
  })
}

const suggestions: Record<string, Record<string, string>> = {
  register: { retrys: 'retries', Retries: 'retries', timout: 'timeout', resultTTL: 'resultTtl', stalInterval: 'stallInterval', backOff: 'backoff', route: 'routes', queue: 'queues', maxdatasize: 'maxDataSize', workers: 'worker', keyPrefix: 'prefix', exposestack: 'exposeStack' },
  'register: routes': { preHandlers: 'preHandler', onrequest: 'onRequest', prefx: 'prefix' },
  'register: backoff': { jiter: 'jitter', strategie: 'strategy', dely: 'delay' },
  startWorker: { concurency: 'concurrency', queue: 'queues', closetimeout: 'closeTimeout' },
  define: { retry: 'retries', resultTTL: 'resultTtl', queues: 'queue', timeOut: 'timeout' },
  enqueue: { delayUntill: 'delayUntil', delay_until: 'delayUntil', expire: 'expires', Id: 'id', dealy: 'delay', retrys: 'retries' }
}

for (const [name, table] of Object.entries(suggestions)) {
  t.test(`${name}: the suggestion is the nearest name`, async (t) => {
    const { check } = places.find(place => place.name === name)!
    for (const [typo, meant] of Object.entries(table)) await refuses(t, () => check({ [typo]: 1 }), 'FST_TASKS_OPTION_UNKNOWN', `Did you mean "${meant}"`)
  })
}

t.test('an own strategy is taken where it is registered only, and the refusal lists what there is', async (t) => {
  const bare = pluginSettings({})
  const options = { backoff: { strategy: 'linear' } }
  const says = ['"backoff.strategy"', 'one of immediate, fixed, exponential', '"linear"']
  await refuses(t, () => pluginSettings(options), 'FST_TASKS_PLUGIN_OPTION_INVALID', ...says)
  await refuses(t, () => checkDefine('a', options, bare), 'FST_TASKS_TASK_OPTION_INVALID', ...says)
  await refuses(t, () => checkEnqueue('a', options, bare), 'FST_TASKS_TASK_OPTION_INVALID', ...says)
})

t.test('names of tasks and ids', async (t) => {
  for (const good of ['a', '9', '_', 'a.b:c-d_e', '__proto__', 'constructor', 'x'.repeat(100)]) {
    t.doesNotThrow(() => checkDefine(good, {}, settings), good)
    t.doesNotThrow(() => checkEnqueue('a', { id: good }, settings), good)
  }
  for (const bad of ['', '.', '..', '-a', ':a', 'a b', 'a/b', 'a%2f', 'é', '*', 'a\n', 'x'.repeat(101), 5, null, {}, ['a']] as any[]) {
    const shown = JSON.stringify(bad).slice(0, 77)
    await refuses(t, () => checkDefine(bad, {}, settings), 'FST_TASKS_NAME_INVALID', '1 to 100 characters', shown)
    await refuses(t, () => checkEnqueue('a', { id: bad }, settings), 'FST_TASKS_ID_INVALID', '1 to 100 characters', shown, 'random UUID')
  }
})

t.test('options that are no object', async (t) => {
  for (const [value, shown] of object as Array<[any, string]>) {
    await refuses(t, () => checkDefine('a', value, settings), 'FST_TASKS_TASK_OPTION_INVALID', '"options"', 'an object', shown, 'retries: 3')
    await refuses(t, () => checkEnqueue('a', value, settings), 'FST_TASKS_TASK_OPTION_INVALID', '"options"', 'an object', shown, 'delay: 60000')
    await refuses(t, () => checkResult('a', value), 'FST_TASKS_TASK_OPTION_INVALID', '"options"', 'an object', shown, 'timeout: 5000')
  }
})

t.test('options of startWorker that are no object', async (t) => {
  for (const [value, shown] of object as Array<[any, string]>) {
    await refuses(t, () => workerSettings(value, []), 'FST_TASKS_PLUGIN_OPTION_INVALID', 'an object', shown)
  }
})

t.test('delay and delayUntil clash', async (t) => {
  const options = { delay: 0, delayUntil: new Date() }
  await refuses(t, () => checkEnqueue('a', options, settings), 'FST_TASKS_OPTION_CLASH', '"delay"', '"delayUntil"', 'give one')
  t.doesNotThrow(() => checkEnqueue('a', { ...options, delay: undefined }, settings))
})

t.test('a refusal shows a number that JSON cannot carry as what it is', async (t) => {
  for (const value of [NaN, Infinity]) await refuses(t, () => pluginSettings({ retries: value }), 'FST_TASKS_PLUGIN_OPTION_INVALID', `got ${value}`)
})

t.test('the nodes of a cluster', async (t) => {
  const bad: Array<[unknown, string]> = [[[], '[]'], ['redis://h:1', '"string"'], [['h:1'], '["string"]'], [[{ host: 'h', password: 'hunter2' }, null], '["object","object"]']]
  for (const [cluster, shown] of bad) await refuses(t, () => pluginSettings({ redis: { cluster } as any }), 'FST_TASKS_PLUGIN_OPTION_INVALID', '"redis.cluster"', 'an array of one or more nodes', shown, '{ cluster: [{ host: "redis-1"')
  await refuses(t, () => connect({ cluster: [1], redisOptions: { keyPrefix: 'x:' }, lazyConnect: true }, undefined), 'FST_TASKS_OPTION_CLASH', '"prefix"')
})

t.test('a refusal does not print a password', async (t) => {
  const { message } = await errorOf(() => pluginSettings({ redis: 'reddis://user:hunter2@host/0' }))
  t.notMatch(message, 'hunter2')
})

t.test('undefined is as if left out', async (t) => {
  const blank = (table: Table): any => Object.fromEntries(Object.keys(table).map(key => [key, undefined]))
  t.strictSame(pluginSettings(blank(plugin)), pluginSettings({}))
  t.strictSame(pluginSettings({}), defaults)
  t.strictSame(pluginSettings({ threads: { max: 3, idleTimeout: undefined } }).threads, { max: 3, idleTimeout: 60_000 })
  t.strictSame(workerSettings(blank(worker), ['mail']), { queues: ['mail'], concurrency: 10, closeTimeout: 10_000 })
  t.doesNotThrow(() => pluginSettings({ worker: blank(worker), routes: blank(routes), threads: blank(threads), backoff: { ...blank(backoff), strategy: 'fixed' } }))
  t.doesNotThrow(() => checkDefine('a', blank(define), settings))
  t.doesNotThrow(() => checkEnqueue('a', { ...blank(enqueue), id: undefined }, settings))
})

t.test('an option falls back from enqueue to define to register', async (t) => {
  const app = await build(t, { retries: 1, timeout: 5 }, app => { app.tasks.define('a', { retries: 3, timeout: undefined }) })
  const attempts = async (options: any): Promise<unknown> => (await app.tasks.enqueue('a', 1, options)).snapshot?.attempts
  t.equal(await attempts({ retries: 7 }), 8)
  t.equal(await attempts({ retries: 0 }), 1)
  t.equal(await attempts({ retries: undefined }), 4)
  app.tasks.define('b', { retries: undefined })
  t.equal((await app.tasks.enqueue('b')).snapshot?.attempts, 2)
})

t.test('a keyPrefix is refused, wherever it stands', async (t) => {
  const refusal = (run: () => unknown): Promise<void> => refuses(t, run, 'FST_TASKS_OPTION_CLASH', '"redis.keyPrefix"', '"prefix"', 'register(tasks, { prefix: "myapp" })')
  const client = new Redis({ lazyConnect: true, keyPrefix: 'x:' })
  const cluster = new Cluster([{ port: 1 }], { lazyConnect: true, keyPrefix: 'x:' })
  await refusal(() => pluginSettings({ redis: { keyPrefix: 'x:' } }))
  for (const redis of [client, cluster]) {
    await refusal(() => pluginSettings({ redis }))
    await refusal(() => refuseKeyPrefix(redis))
    await refusal(() => connect(undefined, redis))
  }
  t.doesNotThrow(() => pluginSettings({ redis: { keyPrefix: '' } }))
  t.doesNotThrow(() => connect(new Redis({ lazyConnect: true }), undefined))
})

t.test('a keyPrefix in a URL is refused too', async (t) => {
  const open = (redis: string | undefined): void => connect(pluginSettings({ redis }).redis, undefined).client.disconnect()
  const url = 'redis://127.0.0.1:1/0?keyPrefix=x:'
  const before = process.env.REDIS_URL
  t.teardown(() => { process.env.REDIS_URL = before })
  await refuses(t, () => open(url), 'FST_TASKS_OPTION_CLASH', '"prefix"')
  process.env.REDIS_URL = url
  await refuses(t, () => open(undefined), 'FST_TASKS_OPTION_CLASH', '"prefix"')
})
