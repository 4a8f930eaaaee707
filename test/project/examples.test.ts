import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Jimp } from 'jimp'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { until } from '../support/helpers.ts'
import { parse, valueOf } from '../support/metrics.ts'

t.setTimeout(180_000) // each test starts processes
t.jobs = 2

// Runs the examples as their comments say. They use the default prefix, so each example gets its own Redis.

const CLI = new URL('../../lib/cli/main.js', import.meta.url).pathname

interface Run { out: () => string, exited: Promise<unknown[]> }

function run (t: Test, args: string[], env: NodeJS.ProcessEnv, cwd?: string): Run {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  const exited = once(child, 'exit')
  t.teardown(async () => { child.kill(); await exited })
  return { out: () => out, exited }
}

async function startOwnRedis (t: Test): Promise<string> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  return redis.url
}

const addressIn = ({ out }: Run): Promise<string> =>
  until('it listens', () => /http:\/\/[\w.[\]:]+:\d+/.exec(out())?.[0], 60_000)

/** Starts a task, and returns its record when it is finished. */
async function send (origin: string, path: string, body?: unknown): Promise<any> {
  const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return finishedRecord(origin, await fetch(origin + path, { method: 'POST', ...(body === undefined ? {} : json) }))
}

/** @param reply a 202 answer. The content of another answer is returned with its status */
async function finishedRecord (origin: string, reply: Response): Promise<any> {
  if (reply.status !== 202) return { status: reply.status, ...await reply.json() as object }
  return until('it is finished', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, origin))).json()
    return record.finishedAt && record
  }, 60_000)
}

t.test('examples/schedules', async t => {
  const env = { REDIS_URL: await startOwnRedis(t), PORT: '0' }
  const address = await addressIn(run(t, ['--import=tsx', 'examples/schedules/app.ts'], env))
  await fetch(`${address}/schedules/200`, { method: 'PUT' })
  const all = await until('a tick has run', async () => {
    const { schedules } = await (await fetch(`${address}/schedules`)).json() as { schedules: any[] }
    return schedules.some(({ last }) => last?.state === 'succeeded') && schedules
  }, 60_000)
  t.match(all, [{ id: 'every-minute', next: [String, String, String] }, { id: 'often' }])
})

t.test('examples/report', async t => {
  const env = { REDIS_URL: await startOwnRedis(t), PORT: '0' }
  const address = await addressIn(run(t, ['--import=tsx', 'examples/report/app.ts'], env))
  const record = await send(address, '/reports/2026', {})
  t.match(record, { state: 'succeeded', progress: { done: 5, total: 5 }, result: { year: 2026, best: 'station' } })
  const parts = await (await fetch(`${address}/reports/${record.id}/parts`)).json()
  const done = { state: 'succeeded', progress: { done: 20, total: 20 } }
  t.match(parts, [{ name: 'read-sales' }, ...Array(3).fill({ name: 'add-up', ...done }), { name: 'write-report' }])
})

t.test('examples/metrics: the route of fastify-metrics has its own series and ours', async t => {
  const env = { REDIS_URL: await startOwnRedis(t), PORT: '0' }
  const address = await addressIn(run(t, ['--import=tsx', 'examples/metrics/app.ts'], env))
  t.match(await send(address, '/sum', [1, 2, 3]), { state: 'succeeded', result: 6 })
  const reply = await fetch(`${address}/metrics`)
  t.match(reply.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const text = await reply.text()
  const metrics = parse(text)
  const labels = { queue: 'default', task: 'sum' }
  t.equal(valueOf(metrics, 'enqueued_total', labels), 1)
  t.equal(valueOf(metrics, 'attempts_total', { ...labels, outcome: 'succeeded' }), 1)
  t.equal(valueOf(metrics, 'queue_workers', { queue: 'default' }), 1)
  t.equal(valueOf(metrics, 'up', {}), 1)
  t.match(text, /^http_request_duration_seconds_count\{.*route="\/sum"/m)
  t.match(text, /^process_cpu_seconds_total /m)
})

t.test('examples/hello', async t => {
  const example = run(t, ['--import=tsx', 'examples/hello/app.ts'], { REDIS_URL: await startOwnRedis(t), PORT: '0' })
  t.equal((await send(await addressIn(example), '/hello/world')).result, 'Hello, world!')
})

t.test('examples/typebox', async t => {
  const example = run(t, ['--import=tsx', 'examples/typebox/app.ts'], { REDIS_URL: await startOwnRedis(t), PORT: '0' })
  const origin = await addressIn(example)
  t.match(await send(origin, '/thumbnails', { url: 'https://example.com/a.png', width: 100 }), {
    state: 'succeeded',
    stage: 'RESIZING',
    progress: { percent: 50 },
    result: { path: '/thumbnails/100/a.png', width: 100 }
  })
  const refused = { status: 400, message: 'body/url must match format "uri"' }
  t.match(await send(origin, '/thumbnails', { url: 'a.png', width: 100 }), refused)
})

t.test('examples/autoload: fastify-cli serves it, fastify-tasks runs its tasks', async t => {
  const env = { REDIS_URL: await startOwnRedis(t), PORT: '0' } // fastify-cli takes `-p 0` as 3000
  // On a busy machine tsx needs longer than the plugin timeout of 10 seconds.
  const flags = ['-l', 'info', '--plugin-timeout', '60000']
  const fastifyStart = ['node_modules/fastify-cli/cli.js', 'start', ...flags, 'examples/autoload/app.ts']
  const web = run(t, ['node_modules/tsx/dist/cli.mjs', ...fastifyStart], env)
  const worker = run(t, [CLI, 'worker', '-A', 'examples/autoload/app.ts'], env)
  const origin = await addressIn(web)
  t.match(await send(origin, '/letters', { to: 'Ada' }), { state: 'succeeded', result: { pages: 1 } })
  const refused = { status: 400, code: 'FST_ERR_VALIDATION', message: 'data must have required property \'to\'' }
  t.match(await send(origin, '/letters', {}), refused)
  t.match(worker.out(), /"to":"Ada","msg":"printing"/)
})

t.test('examples/openapi prints a valid document with its routes and schemas', async t => {
  const printed = run(t, ['--import=tsx', 'examples/openapi/print.ts'], { REDIS_URL: await startOwnRedis(t) })
  t.same(await printed.exited, [0, null])
  const document = JSON.parse(printed.out())
  t.match(await new Validator().validate(document), { valid: true })
  t.same(Object.keys(document.paths), ['/tasks/{id}', '/tasks/{id}/events', '/tasks/{id}/logs', '/reports'])
  t.match(Object.keys(document.components.schemas).sort(), [
    'ReportOptions', 'tasks.progress.report', 'tasks.record', 'tasks.record.report', 'tasks.result.report'
  ])
})

/** A temporary folder in which the package is installed: its package.json, and a link to the compiled files as dist. */
function installed (t: Test): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fastify-tasks-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'fastify-tasks'), { recursive: true })
  cpSync('package.json', join(modules, 'fastify-tasks', 'package.json'))
  symlinkSync(fileURLToPath(new URL('../../lib', import.meta.url)), join(modules, 'fastify-tasks', 'dist'))
  for (const name of ['fastify', 'fastify-plugin']) symlinkSync(resolve('node_modules', name), join(modules, name))
  return folder
}

t.test('README.md: fastify-cli serves its app, a worker runs its tasks, and its test passes', async t => {
  const folder = installed(t)
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```js\n(\/\/ ([\w.]+): [^]*?)^```/gm)]
  for (const [, text, name] of blocks) writeFileSync(join(folder, name!), text!)
  t.same(blocks.map(match => match[2]), ['app.mjs', 'app.test.mjs'])
  const env = { REDIS_URL: await startOwnRedis(t), PORT: '0', NODE_TEST_CONTEXT: undefined }
  const fastifyCli = resolve('node_modules/fastify-cli/cli.js')
  const web = run(t, [fastifyCli, 'start', '-l', 'info', 'app.mjs'], env, folder)
  run(t, [CLI, 'worker', '-A', 'app.mjs'], env, folder)
  const record = await send(await addressIn(web), '/resize', { width: 100 })
  const expected = { state: 'succeeded', stage: 'RESIZING', progress: { done: 0 }, attempts: 4, result: { width: 100 } }
  t.match(record, expected)
  const shown = /^(\{"id":"0d9c[^]*?\})\n```/m.exec(readFileSync('README.md', 'utf8'))![1]!
  const given = Object.entries(JSON.parse(shown)).map(([key, value]) => [key, /…/.test(String(value)) ? record[key] : value])
  t.same(record, Object.fromEntries(given), 'it is what README.md shows')
  t.same(Object.keys(record), given.map(([key]) => key))
  const test = run(t, ['--test', 'app.test.mjs'], env, folder)
  t.same(await test.exited, [0, null], test.out())
})

t.test('examples/cjs requires the package as npm installs it', async t => {
  const folder = installed(t)
  cpSync('examples/cjs/app.cjs', join(folder, 'app.cjs'))
  const example = run(t, ['app.cjs'], { REDIS_URL: await startOwnRedis(t), PORT: '0' }, folder)
  const origin = await addressIn(example)
  t.match(await send(origin, '/sum', [1, 2, 3]), { state: 'succeeded', result: 6 })
  t.match(await send(origin, '/sum', {}), { state: 'failed', attempt: 1, error: { code: 'FST_TASKS_UNRECOVERABLE' } })
})

t.test('examples/thumbnails resizes a picture in a thread', async t => {
  const env = { REDIS_URL: await startOwnRedis(t), PORT: '0' }
  const example = run(t, ['--import=tsx', 'examples/thumbnails/app.ts'], env)
  const origin = await addressIn(example)
  const post = (path: string, body: Uint8Array<ArrayBuffer> | string): Promise<Response> =>
    fetch(origin + path, { method: 'POST', headers: { 'content-type': 'image/png' }, body })
  const picture = await new Jimp({ width: 640, height: 480, color: 0x3366ffff }).getBuffer('image/png')
  const record = await finishedRecord(origin, await post('/thumbnails?width=64', new Uint8Array(picture)))
  t.match(record, {
    state: 'succeeded',
    result: { width: 64, height: 48 },
    stage: 'RESIZING',
    progress: { from: 640, to: 64 }
  })
  const thumbnail = await fetch(`${origin}/thumbnails/${record.id}`)
  t.equal(thumbnail.headers.get('content-type'), 'image/png')
  t.match(await Jimp.read(Buffer.from(await thumbnail.arrayBuffer())), { width: 64, height: 48 })
  const failed = await finishedRecord(origin, await post('/thumbnails', 'no picture'))
  t.match(failed, { state: 'failed', error: { message: /MIME|buffer/ } })
})

t.test('examples/testing passes without Redis', async t => {
  const env = { ...process.env, REDIS_URL: 'redis://127.0.0.1:1', NODE_TEST_CONTEXT: undefined }
  const args = ['--import=tsx', '--test', 'examples/testing/app.test.ts']
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  const [code] = await once(child, 'close')
  t.equal(code, 0, out)
  t.match(out, /^# pass 1$/m)
})
