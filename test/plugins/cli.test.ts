import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

const require = createRequire(import.meta.url)
const FASTIFY = require.resolve('fastify-cli/cli.js')
const TASKS = new URL('../../lib/cli/main.js', import.meta.url).pathname
const PLUGIN = JSON.stringify(new URL('../../lib/plugin.js', import.meta.url).href)

const app = `import tasks from ${PLUGIN}
export const options = { bodyLimit: 100 }
export default async function app (fastify, options) {
  await fastify.register(tasks, { prefix: process.env.PREFIX })
  const double = fastify.tasks.define('double', async data => data * 2)
  fastify.post('/double', async (request, reply) => reply.accepted(await double.enqueue(request.body.n)))
}`

interface Run { child: ChildProcess, out: () => string, exit: Promise<unknown[]> }

function run (t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv): Run {
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, REDIS_URL, ...env } })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { out += chunk })
  const exit = once(child, 'exit')
  t.teardown(async () => { child.kill('SIGKILL'); await exit })
  return { child, out: () => out, exit }
}

t.test('fastify start serves an app file, and fastify-tasks worker runs its tasks', async t => {
  const folder = t.testdir({ 'app.mjs': app })
  const env = { PREFIX: randomPrefix(), PORT: '0' } // fastify-cli takes `-p 0` as 3000
  const web = run(t, folder, [FASTIFY, 'start', '-l', 'info', '--options', 'app.mjs'], env)
  const worker = run(t, folder, [TASKS, 'worker', '-A', 'app.mjs'], env)
  const address = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/
  const origin = await until('the app listens', () => address.exec(web.out())?.[1], 20_000)
  const headers = { 'content-type': 'application/json' }
  const reply = await fetch(`${origin}/double`, { method: 'POST', headers, body: '{"n":21}' })
  t.equal(reply.status, 202)
  const finished: any = await until('the task succeeds', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, origin))).json()
    return record.state === 'succeeded' ? record : null
  }, 20_000)
  t.equal(finished.result, 42)
  for (const [name, { child, exit, out }] of Object.entries({ web, worker })) {
    child.kill('SIGTERM')
    t.same(await exit, [0, null], `${name}: ${out()}`)
  }
})

t.test('fastify-cli\'s helper for tests builds the app', async t => {
  process.env.PREFIX = randomPrefix()
  t.teardown(() => { delete process.env.PREFIX })
  const { build } = require('fastify-cli/helper.js')
  const folder = t.testdir({ 'app.mjs': app })
  const instance = await build([`${folder}/app.mjs`], {}, { logger: false })
  t.teardown(() => instance.close())
  const reply = await instance.inject({ method: 'POST', url: '/double', payload: { n: 21 } })
  t.equal(reply.statusCode, 202)
  t.match((await instance.inject(reply.headers.location)).json(), { state: 'waiting' })
})
