/**
 * A call about many tasks whose process is killed: another process goes on from its cursor, and does each once.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { build, connect, inRedis, randomPrefix, REDIS_URL } from '../support/helpers.ts'

const PLUGIN = new URL('../../lib/plugin.js', import.meta.url).href
const TASKS = 1_500

/** Retries all, stores its cursor after each step, and is killed in its third step. */
const child = (prefix: string, end: number): string => `
  import Fastify from ${JSON.stringify(import.meta.resolve('fastify'))}
  import tasks from ${JSON.stringify(PLUGIN)}
  const app = Fastify()
  await app.register(tasks, ${JSON.stringify({ prefix, redis: REDIS_URL })})
  await app.ready()
  let steps = 0
  await app.tasks.retryMany({ to: ${end} }, { onProgress ({ cursor }) {
    process.stdout.write(cursor + '\\n')
    if (++steps === 2) setImmediate(() => process.kill(process.pid, 'SIGKILL'))
  } })`

inRedis('killed in the middle it goes on from its cursor: each once', 'a process is killed', async t => {
  const prefix = randomPrefix()
  const redis = connect(t)
  const queue = new RedisQueue(redis, 'default', prefix)
  const app = await build(t, { prefix }, app => { app.tasks.define('x') })
  const ids = Array.from({ length: TASKS }, (_, i) => `id${i}`)
  const record = (id: string, status: string): string =>
    JSON.stringify({ data: { name: 'x', data: id }, options: { timestamp: 1, attempts: 1 }, status, finishedAt: 1 })
  for (let i = 0; i < TASKS; i += 500) {
    await queue.addMany(ids.slice(i, i + 500).map(id => ({ id, text: record(id, 'created') })))
  }
  const { jobs } = await queue.claim(TASKS, 'w.1', false)
  await queue.settle(jobs.map(({ id, token }) =>
    ({ id, token, outcome: 'failed', text: record(id, 'failed'), ms: 600_000 })))

  const end = Date.now() + 60_000
  const run = spawn(process.execPath, ['--input-type=module', '-e', child(prefix, end)])
  let [out, err] = ['', '']
  run.stdout.on('data', chunk => { out += chunk })
  run.stderr.on('data', chunk => { err += chunk })
  const [, signal] = await once(run, 'close')
  t.equal(signal, 'SIGKILL', err)
  const retried = await app.tasks.count({ state: 'waiting' })
  t.ok(retried >= 400 && retried < TASKS, `${retried} were queued again before the kill`)

  // Its cursor is older than what it has done: nothing is done twice.
  const [cursor] = out.split('\n')
  const { changed } = await app.tasks.retryMany({ to: end }, { cursor: cursor! })
  t.equal(retried + changed, TASKS)
  const waiting = await redis.lrange(`${prefix}:{default}:waiting`, 0, -1)
  t.equal(waiting.length, TASKS)
  t.equal(new Set(waiting).size, TASKS, 'each once')
  await queue.close()
})
