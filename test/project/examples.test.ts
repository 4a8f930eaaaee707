import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Jimp } from 'jimp'
import t, { type Test } from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { until } from '../support/helpers.ts'

t.setTimeout(180_000) // each starts processes of its own

// The examples as a person runs them. They have no prefix of their own, so each has a Redis of its own.

interface Run { out: () => string, ended: Promise<unknown[]> }

function run (t: Test, args: string[], env: NodeJS.ProcessEnv, cwd?: string): Run {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  const ended = once(child, 'exit')
  t.teardown(async () => { child.kill(); await ended })
  return { out: () => out, ended }
}

async function ownRedis (t: Test): Promise<string> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  return redis.url
}

const addressIn = ({ out }: Run): Promise<string> => until('it listens', () => /http:\/\/[\w.[\]:]+:\d+/.exec(out())?.[0], 60_000)

/** Starts a task, and gives its record once it has ended. */
async function send (origin: string, path: string, body?: unknown): Promise<any> {
  return end(origin, await fetch(origin + path, { method: 'POST', ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) }))
}

async function end (origin: string, reply: Response): Promise<any> {
  if (reply.status !== 202) return { status: reply.status, ...await reply.json() as object }
  return until('it has ended', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, origin))).json()
    return record.finishedAt && record
  }, 60_000)
}

t.test('examples/hello: under 20 lines, and it works', async t => {
  const example = run(t, ['--import=tsx', 'examples/hello/app.ts'], { REDIS_URL: await ownRedis(t), PORT: '0' })
  t.equal((await send(await addressIn(example), '/hello/world')).result, 'Hello, world!')
})

t.test('examples/typebox', async t => {
  const example = run(t, ['--import=tsx', 'examples/typebox/app.ts'], { REDIS_URL: await ownRedis(t), PORT: '0' })
  const origin = await addressIn(example)
  t.match(await send(origin, '/thumbnails', { url: 'https://example.com/a.png', width: 100 }), { state: 'succeeded', stage: 'RESIZING', progress: { percent: 50 }, result: { path: '/thumbnails/100/a.png', width: 100 } })
  t.match(await send(origin, '/thumbnails', { url: 'a.png', width: 100 }), { status: 400, message: 'body/url must match format "uri"' })
})

t.test('examples/autoload: served by fastify-cli, worked on by fastify-tasks', async t => {
  const env = { REDIS_URL: await ownRedis(t) }
  const web = run(t, ['node_modules/tsx/dist/cli.mjs', 'node_modules/fastify-cli/cli.js', 'start', '-p', '0', '-l', 'info', 'examples/autoload/app.ts'], env)
  const worker = run(t, [new URL('../../lib/cli/main.js', import.meta.url).pathname, 'worker', '-A', 'examples/autoload/app.ts'], env)
  const origin = await addressIn(web)
  t.match(await send(origin, '/letters', { to: 'Ada' }), { state: 'succeeded', result: { pages: 1 } })
  t.match(await send(origin, '/letters', {}), { status: 400, code: 'FST_ERR_VALIDATION', message: 'data must have required property \'to\'' })
  t.match(worker.out(), /"to":"Ada","msg":"printing"/)
})

t.test('examples/openapi: prints a valid document, and does what it says', async t => {
  const printed = run(t, ['--import=tsx', 'examples/openapi/print.ts'], { REDIS_URL: await ownRedis(t) })
  t.same(await printed.ended, [0, null])
  const document = JSON.parse(printed.out())
  t.match(await new Validator().validate(document), { valid: true })
  t.same(Object.keys(document.paths), ['/tasks/{id}', '/tasks/{id}/events', '/reports'])
  t.match(Object.keys(document.components.schemas).sort(), ['ReportOptions', 'tasks.progress.report', 'tasks.record', 'tasks.record.report', 'tasks.result.report'])
})

/** A folder of its own that has the package installed, by links to the compiled files. */
function installed (t: Test): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fastify-tasks-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'fastify-tasks'), { recursive: true })
  cpSync('package.json', join(modules, 'fastify-tasks', 'package.json'))
  symlinkSync(resolve('.build/lib'), join(modules, 'fastify-tasks', 'dist'))
  for (const name of ['fastify', 'fastify-plugin']) symlinkSync(resolve('node_modules', name), join(modules, name))
  return folder
}

t.test('README.md: its app is served by fastify-cli and worked on by a worker, and its test passes', async t => {
  const folder = installed(t)
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```js\n(\/\/ ([\w.]+): [^]*?)^```/gm)]
  for (const [, text, name] of blocks) writeFileSync(join(folder, name!), text!)
  t.same(blocks.map(match => match[2]), ['app.mjs', 'app.test.mjs'])
  const env = { REDIS_URL: await ownRedis(t), NODE_TEST_CONTEXT: undefined }
  const cli = resolve('node_modules/fastify-cli/cli.js')
  const web = run(t, [cli, 'start', '-p', '0', '-l', 'info', 'app.mjs'], env, folder)
  run(t, [new URL('../lib/cli.js', import.meta.url).pathname, 'worker', '-A', 'app.mjs'], env, folder)
  const record = await send(await addressIn(web), '/resize', { width: 100 })
  t.match(record, { state: 'succeeded', stage: 'RESIZING', progress: { done: 0 }, attempts: 4, result: { width: 100 } })
  const test = run(t, ['--test', 'app.test.mjs'], env, folder)
  t.same(await test.ended, [0, null], test.out())
})

t.test('examples/cjs: requires the package as it is published', async t => {
  const folder = installed(t)
  cpSync('examples/cjs/app.cjs', join(folder, 'app.cjs'))
  const example = run(t, ['app.cjs'], { REDIS_URL: await ownRedis(t), PORT: '0' }, folder)
  const origin = await addressIn(example)
  t.match(await send(origin, '/sum', [1, 2, 3]), { state: 'succeeded', result: 6 })
  t.match(await send(origin, '/sum', {}), { state: 'failed', attempt: 1, error: { code: 'FST_TASKS_UNRECOVERABLE' } })
})

t.test('examples/thumbnails: a picture is resized in a thread', async t => {
  const example = run(t, ['--import=tsx', 'examples/thumbnails/app.ts'], { REDIS_URL: await ownRedis(t), PORT: '0' })
  const origin = await addressIn(example)
  const post = (path: string, body: Uint8Array<ArrayBuffer> | string): Promise<Response> => fetch(origin + path, { method: 'POST', headers: { 'content-type': 'image/png' }, body })
  const picture = await new Jimp({ width: 640, height: 480, color: 0x3366ffff }).getBuffer('image/png')
  const record = await end(origin, await post('/thumbnails?width=64', new Uint8Array(picture)))
  t.match(record, { state: 'succeeded', result: { width: 64, height: 48 }, stage: 'RESIZING', progress: { from: 640, to: 64 } })
  const thumbnail = await fetch(`${origin}/thumbnails/${record.id}`)
  t.equal(thumbnail.headers.get('content-type'), 'image/png')
  t.match(await Jimp.read(Buffer.from(await thumbnail.arrayBuffer())), { width: 64, height: 48 })
  t.match(await end(origin, await post('/thumbnails', 'no picture')), { state: 'failed', error: { message: /MIME|buffer/ } })
})

t.test('examples/testing: passes without Redis', async t => {
  const env = { ...process.env, REDIS_URL: 'redis://127.0.0.1:1', NODE_TEST_CONTEXT: undefined }
  const child = spawn(process.execPath, ['--import=tsx', '--test', 'examples/testing/app.test.ts'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  const [code] = await once(child, 'close')
  t.equal(code, 0, out)
  t.match(out, /^# pass 1$/m)
})
