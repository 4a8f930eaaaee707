/**
 * A web process with an embedded worker gets SIGTERM: it waits for running tasks, hands back those that take too long,
 * and exits with 0. One line for each way to start it, as docs/guides/workers.md gives it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { DEADLINE, PLUGIN } from '../support/command.ts'
import { build, randomPrefix, REDIS_URL, until } from '../support/helpers.ts'
import type { TaskRecord } from '../../lib/types.ts'

const require = createRequire(import.meta.url)
const FASTIFY_CLI = require.resolve('fastify-cli/cli.js')
const GRACE = JSON.stringify(createRequire(FASTIFY_CLI).resolve('close-with-grace'))
const FASTIFY = JSON.stringify(require.resolve('fastify'))

/** What the guide says, by how the process is started. */
const guide = readFileSync('docs/guides/workers.md', 'utf8')
function lineOf (how: RegExp): string {
  const row = guide.split('\n').find(line => how.test(line))!
  return /`([^`]+)`/.exec(row.split('|')[2]!)![1]!
}

const app = `import tasks from ${PLUGIN}
export default async function app (fastify, options) {
  const worker = { closeTimeout: Number(process.env.CLOSE_TIMEOUT) }
  await fastify.register(tasks, { prefix: process.env.PREFIX, worker })
  fastify.tasks.define('short', async (data, task) => {
    const stopped = new Promise(resolve => { process.once('SIGTERM', () => setTimeout(resolve, 300, 'done')) })
    await task.updateState('RUNS')
    return stopped
  })
  fastify.tasks.define('long', async (data, task) => {
    await task.updateState('RUNS')
    await new Promise(resolve => task.signal.addEventListener('abort', resolve))
    throw task.signal.reason
  })
}
`
const server = (line: string): string => `import Fastify from ${FASTIFY}
import closeWithGrace from ${GRACE}
import app from './app.mjs'
const fastify = Fastify({ logger: true })
await fastify.register(app)
${line}
await fastify.listen({ port: 0 })
`

const ways: Record<string, { file?: string, args: string[] }> = {
  'fastify-cli': { args: [FASTIFY_CLI, ...lineOf(/^\| fastify-cli/).split(' ').slice(2), '-l', 'info'] },
  'fastify.listen': { file: server(lineOf(/^\| your own `fastify.listen` \|/)), args: ['server.mjs'] },
  'close-with-grace': { file: server(lineOf(/close-with-grace/)), args: ['server.mjs'] }
}

interface Stopped { states: Array<string | undefined>, exit: unknown[], log: string }

/** Runs a task of each kind in a process, and stops it while they run. */
async function stop (t: Test, args: string[], files: Record<string, string>, env: NodeJS.ProcessEnv): Promise<Stopped> {
  const prefix = randomPrefix()
  const folder = t.testdir(files)
  const ownEnv = { ...process.env, REDIS_URL, PREFIX: prefix, PORT: '0', ...env } // fastify-cli takes `-p 0` as 3000
  const child = spawn(process.execPath, args, { cwd: folder, env: ownEnv })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { log += chunk })
  const exited = once(child, 'exit')
  t.teardown(async () => { child.kill('SIGKILL'); await exited })
  const other = await build(t, { prefix }, app => { app.tasks.define('short'); app.tasks.define('long') })
  const handles = [await other.tasks.enqueue('short'), await other.tasks.enqueue('long')]
  const records = (): Promise<Array<TaskRecord | null>> => Promise.all(handles.map(handle => handle.status()))
  await until('both handlers run, and the process listens', async () => {
    if (child.exitCode !== null) throw new Error(log)
    return /Server listening/.test(log) && (await records()).every(record => record?.stage === 'RUNS')
  }, DEADLINE)
  child.kill('SIGTERM')
  const exit = await exited
  return { states: (await records()).map(record => record?.state), exit, log }
}

for (const [way, { args, file }] of Object.entries(ways)) {
  t.test(`${way}: tasks end or are handed back`, async t => {
    const files = { 'app.mjs': app, ...(file ? { 'server.mjs': file } : {}) }
    const { states, exit, log } = await stop(t, args, files, { CLOSE_TIMEOUT: '1500' })
    t.same(states, ['succeeded', 'waiting'], log)
    t.same(exit, [0, null])
  })
}

t.test('fastify-cli without that line: the log says which tasks stay active, and what to do', async t => {
  const args = [FASTIFY_CLI, 'start', '-l', 'info', 'app.mjs']
  const { states, log } = await stop(t, args, { 'app.mjs': app }, { CLOSE_TIMEOUT: '60000' })
  t.equal(states[1], 'active')
  t.match(log, /"event":"worker.cut_short".*--close-grace-delay/)
})
