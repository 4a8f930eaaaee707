/**
 * Every option that a person can write: good values, wrong values, and parts of the error for a wrong value.
 */
import { HOOK_NAMES } from '../../lib/options.ts'

const DAY = 86_400_000
const CENTURIES = 8.64e15 / 4
const TIMER = 2 ** 31 - 1
const run = (): void => {}
const long = 'x'.repeat(65)
export const strategies = { linear: () => 1 }

/** A wrong value, and the text that the error shows for it. */
type Bad = [value: unknown, shown: string]
interface Row { good: unknown[], bad: Bad[], expected: string, fix: string }
export type Table = Record<string, Row>

const notNumbers: Bad[] = [
  ['1', '"1"'], [1.5, '1.5'], [NaN, ''], [Infinity, ''], [1n, '1n'], [null, 'null'], [true, 'true'], [[], '[]']
]
const whole = (min: number, max: number, fix: string): Row => ({
  good: [min, max],
  bad: [[min - 1, `${min - 1}`], [max + 1, `${max + 1}`], ...notNumbers],
  expected: `${min.toLocaleString('en')} to ${max.toLocaleString('en')}`,
  fix
})
const named = (fix: string): Row => ({
  good: ['a', 'A-z_09', '-', '__proto__', 'x'.repeat(64)],
  bad: [
    ['', '""'], ['a:b', '"a:b"'], ['{a}', '"{a}"'], ['a b', '"a b"'], ['é', '"é"'], ['a\n', '"a\\n"'], [long, long],
    [5, '5'], [null, 'null'], [['a'], '["a"]']
  ],
  expected: 'a string of 1 to 64 characters of A-Z, a-z, 0-9, "_", "-"',
  fix
})
const priority: Row = {
  good: ['high', 'normal', 'low'],
  bad: [['urgent', '"urgent"'], [1, '1'], [null, 'null'], ['High', '"High"']],
  expected: '"high", "normal" or "low"',
  fix: 'For example "high".'
}
const queueList: Row = {
  good: [[], ['default', 'mail']],
  bad: [['mail', '"mail"'], [['a:b'], '["a:b"]'], [[5], '[5]'], [null, 'null'], [{}, '{}']],
  expected: 'an array of queue names',
  fix: 'For example ["default", "mail"].'
}
const flag = (fix: string): Row =>
  ({ good: [true, false], bad: [['yes', '"yes"'], [1, '1'], [0, '0'], [null, 'null']], expected: 'true or false', fix })
const hooks: Row = {
  good: [run, [run, run], []],
  bad: [['x', '"x"'], [[run, 1], '[null,1]'], [null, 'null'], [{}, '{}']],
  expected: 'a function or an array of functions',
  fix: 'As in a route'
}
/** Each would be taken as an object without options. */
const noOptions: Bad[] = [
  [new Map([['retries', 3]]), 'a Map'], [Promise.resolve({ retries: 3 }), 'a promise that was not awaited'],
  [new Date(0), '1970'], [new Error('x'), 'an Error'],
  [new Proxy({}, { getPrototypeOf () { throw new Error('x') } }), '']
]
export const wrongObjects: Bad[] = [
  ['x', '"x"'], [5, '5'], [null, 'null'], [[], '[]'], [run, 'a function (run)'], ...noOptions
]

export const backoff: Table = {
  strategy: {
    good: ['immediate', 'fixed', 'exponential', 'linear'],
    bad: [
      ['cubic', '"cubic"'], ['__proto__', '"__proto__"'], ['toString', '"toString"'], [undefined, 'ndefined'], [5, '5'],
      [null, 'null']
    ],
    expected: 'immediate',
    fix: 'backoffStrategies'
  },
  delay: whole(1, TIMER, 'For example 1000'),
  max: whole(1, CENTURIES, 'For example 60000'),
  jitter: flag('Full jitter')
}

const ofEveryTask: Table = {
  retries: whole(0, 1_000_000, 'For example 3'),
  timeout: whole(0, TIMER, '0 is no limit'),
  backoff: {
    good: [{ strategy: 'fixed' }, { strategy: 'linear', delay: 1, max: 2, jitter: false }],
    bad: wrongObjects,
    expected: 'an object',
    fix: 'strategy: "exponential"'
  }
}
export const define: Table = {
  ...ofEveryTask,
  retryIf: {
    good: [run],
    bad: [...wrongObjects.slice(0, 4), [async () => true, 'a function'], [{}, '{}']],
    expected: 'a function that is not async',
    fix: 'ECONNRESET'
  },
  retryFor: whole(1, CENTURIES, 'one hour'),
  queue: named('"mail"'),
  resultTtl: whole(0, CENTURIES, 'one day'),
  authorize: {
    good: [run],
    bad: [...wrongObjects.slice(0, 4), [{}, '{}']],
    expected: 'a function',
    fix: '(request, record)'
  },
  ...Object.fromEntries(HOOK_NAMES.map(name => [name, hooks])),
  keepLogs: whole(1_024, 1_048_576, '65536'),
  expose: {
    good: [[], ['data']],
    bad: [['data', '"data"'], [['result'], '["result"]'], [null, 'null'], [{}, '{}']],
    expected: 'an array of "data"',
    fix: '["data"]'
  },
  thread: {
    good: ['./a.js', '/a/b.ts', 'file:///a.js', new URL('file:///a%20b.js')],
    bad: [
      ['', '""'], ['a\0', '"a'], [new URL('https://x/a.js'), '"https://x/a.js"'],
      ['file://host/a.js', '"file://host/a.js"'], [5, '5'], [null, 'null'], [{}, '{}'], [run, 'a function (run)']
    ],
    expected: 'a path, or a file: URL',
    fix: 'import.meta.url'
  },
  limit: {
    good: [{ max: 1 }, { max: 10_000, key: run }, { ordered: true }],
    bad: wrongObjects,
    expected: 'an object',
    fix: 'max: 2'
  },
  priority,
  unique: {
    good: [{}, { key: run, scope: 'waiting' }, { scope: 5, onConflict: 'replace' }, { onConflict: 'rerun' }],
    bad: wrongObjects,
    expected: 'an object',
    fix: 'key: data => data.id'
  },
  debounce: {
    good: [{ wait: 5 }, { key: run, wait: 5, maxWait: 5 }], bad: wrongObjects, expected: 'an object', fix: 'wait: 5000'
  },
  rate: {
    good: [{ max: 1, timeWindow: 100 }, { max: 1e6, timeWindow: 30 * DAY, key: run }, [{ max: 1, timeWindow: 5e3 }]],
    bad: wrongObjects,
    expected: 'an object, or an array of 1 to 5 objects',
    fix: 'timeWindow: 1000'
  },
  schema: { good: [{}, { data: {} }], bad: wrongObjects, expected: 'an object', fix: '{ data: {' }
}
const anySchema: Row = {
  good: [{}, true, false],
  bad: [['x', '"x"'], [5, '5'], [null, 'null'], [run, 'a function (run)']],
  expected: 'a schema',
  fix: 'For example { type: "object"'
}
export const schema: Table = { data: anySchema, result: anySchema, progress: anySchema, previous: anySchema }
export const enqueue: Table = {
  priority,
  ...ofEveryTask,
  queue: named('"mail"'),
  tags: {
    good: [[], ['a'], ['tenant:42', '~!', long.slice(1)], Array(10).fill('a')],
    bad: [['a', '"a"'], [[''], 'array'], [['a b'], 'array'], [['é'], 'array'], [[1], 'array'], [[long], 'array'],
      [Array(11).fill('a'), 'array'], [null, 'null']],
    expected: 'up to 10 strings',
    fix: 'tenant:42'
  },
  delay: whole(0, CENTURIES, 'delayUntil'),
  delayUntil: {
    good: [new Date(), Date.now() - DAY, Date.now() + DAY],
    bad: [
      [Math.floor(Date.now() / 1000), `${Math.floor(Date.now() / 1000)}`], [1e21, '1e+21'], [0, '0'], [-1, '-1'],
      [1e12 + 0.5, '.5'], ['2030-01-01', '"2030-01-01"'], [new Date(NaN), ''], [null, 'null']
    ],
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
export const result: Table = {
  timeout: whole(0, TIMER, '0 reads the record once'),
  signal: {
    good: [AbortSignal.abort(), new AbortController().signal],
    bad: [[{ aborted: false }, '{"aborted":false}'], ['x', '"x"'], [null, 'null'], [true, 'true']],
    expected: 'an AbortSignal',
    fix: 'AbortSignal.timeout(5000)'
  }
}
export const worker: Table = {
  queues: queueList,
  concurrency: whole(1, 1_000, 'For example 10'),
  closeTimeout: whole(0, TIMER, 'For example 10000')
}
export const routes: Table = {
  prefix: {
    good: ['/jobs', '/a/b'],
    bad: [
      ['/', '"/"'], ['jobs', '"jobs"'], ['/jobs/', '"/jobs/"'], ['', '""'], ['/a?b', '"/a?b"'], ['/a#b', '"/a#b"'],
      [5, '5'], [null, 'null']
    ],
    expected: 'a path that starts with "/"',
    fix: 'For example "/jobs"'
  },
  cancel: flag('DELETE /tasks/:id'),
  onRequest: hooks,
  preHandler: hooks,
  authorize: define.authorize!,
  publicBase: {
    good: ['/api', 'https://example.com/api'],
    bad: [
      ['api', '"api"'], ['/', '"/"'], ['/api/', '"/api/"'], ['//host/api', '"//host/api"'], ['ftp://x', '"ftp://x"'],
      [5, '5'], [null, 'null']
    ],
    expected: 'a path that starts with "/", or an http(s) URL',
    fix: 'For example "/api"'
  },
  maxWaits: whole(1, 1_000_000, 'For example 5000'),
  maxWaitsPerKey: whole(0, 1_000_000, 'For example 20'),
  waitKey: {
    good: [(request: { ip: string }) => request.ip],
    bad: [['ip', '"ip"'], [5, '5'], [null, 'null']],
    expected: 'a function',
    fix: 'For example request => request.ip'
  },
  logLevel: {
    good: ['warn'], bad: [[5, '5'], [null, 'null']], expected: 'a level of the log', fix: 'For example "warn"'
  },
  config: { good: [{}], bad: wrongObjects, expected: 'an object', fix: 'As in a route of Fastify' },
  constraints: { good: [{}], bad: wrongObjects, expected: 'an object', fix: 'As in a route of Fastify' }
}
export const threads: Table = {
  max: whole(1, 1_000, 'For example 4'),
  idleTimeout: whole(0, TIMER, 'For example 60000'),
  maxHeap: whole(16, 2 ** 20, 'For example 512')
}
export const metrics: Table = {
  registry: {
    good: [{ registerMetric () {} }],
    bad: [['x', '"x"'], [{}, '{}'], [null, 'null'], [true, 'true']],
    expected: 'a registry with a method registerMetric',
    fix: 'fastify.metrics.client.register'
  },
  queues: flag('False reads nothing')
}
export const plugin: Table = {
  ...ofEveryTask,
  name: named('fastify.reports'),
  mode: {
    good: ['redis', 'memory'],
    bad: [['Memory', '"Memory"'], ['', '""'], [true, 'true'], [null, 'null'], [['memory'], '["memory"]']],
    expected: '"redis" or "memory"',
    fix: 'for tests'
  },
  prefix: named('routes: { prefix: "/jobs" }'),
  redis: {
    good: [
      'redis://user:pass@host:1/2', 'rediss://host', '/tmp/redis.sock', {}, { host: 'x' },
      { evalsha: run, duplicate: run, on: run },
      { cluster: ['redis://h:1', 7000, { host: 'h' }], scaleReads: 'all' }
    ],
    bad: [
      ['', 'another string'], ['localhost:6379', 'another string'], ['http://x', 'that begins with "http://"'],
      [5, 'a number'], [null, 'null'], [true, 'a boolean'], [[1], 'an array of 1'], [run, 'a function (run)'],
      [new URL('redis://h:1'), 'a URL object'], [Promise.resolve('redis://h:1'), 'a promise that was not awaited'],
      [{ on: run, connect: run, sendCommand: run }, 'the properties on, connect, sendCommand'], // node-redis
      [{ cache: { evalsha: run, duplicate: run } }, 'the properties cache'] // namespaces of @fastify/redis
    ],
    expected: 'a URL (redis://user:password@host:port/db',
    fix: 'Leave the option out'
  },
  queues: queueList,
  routes: {
    good: [false, {}],
    bad: [[true, 'true'], ...wrongObjects],
    expected: 'false or an object',
    fix: 'prefix: "/jobs"'
  },
  worker: { good: [true, false, {}], bad: wrongObjects, expected: 'true, false or an object', fix: 'concurrency: 10' },
  threads: { good: [{}, { max: 2 }], bad: wrongObjects, expected: 'an object', fix: 'max: 4' },
  backoffStrategies: {
    good: [{}, strategies],
    bad: [[{ linear: 5 }, '{"linear":5}'], ...wrongObjects],
    expected: 'an object of functions',
    fix: 'linear:'
  },
  resultTtl: whole(0, CENTURIES, 'one day'),
  stallInterval: whole(1_000, TIMER, 'longer than any handler'),
  maxStalls: whole(0, 1_000, 'For example 2'),
  redisTimeout: whole(1, TIMER, 'For example 2000'),
  connectTimeout: whole(1, TIMER, 'For example 2000'),
  maxDataSize: whole(1, 2 ** 29, 'For example 1048576'),
  maxResultSize: whole(1, 2 ** 29, 'For example 1048576'),
  maxProgressSize: whole(1, 2 ** 29, 'For example 65536'),
  metrics: {
    good: [true, false, {}], bad: wrongObjects, expected: 'true, false or an object', fix: 'For example { registry }'
  },
  history: flag('False stores no counts'),
  telemetry: {
    good: [{ enqueue: run, attempt: run }],
    bad: [['x', '"x"'], [{}, '{}'], [run, 'a function (run)'], [null, 'null']],
    expected: 'an object with the methods enqueue and attempt',
    fix: 'fastify-tasks/otel'
  },
  requestContext: flag('False enqueues tasks without'),
  exposeStack: flag('Stacks')
}
