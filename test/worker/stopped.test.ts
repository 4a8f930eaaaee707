/**
 * A whole process is stopped for longer than its lease, and goes on: by a signal, or with a machine that sleeps. No
 * thread of it could give anything back meanwhile.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { build, connect, randomPrefix, reaches, until } from '../support/helpers.ts'

t.setTimeout(120_000)

const STALL = 1_000
const TASKS = 400

/** It is killed at the end of the test. */
async function startWorker (t: Test, prefix: string): Promise<ChildProcess> {
  const file = new URL('../fixtures/stopping-worker.js', import.meta.url).pathname
  const env = { ...process.env, PREFIX: prefix, STALL: String(STALL) }
  const worker = spawn(process.execPath, [file], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (worker.exitCode !== null || worker.signalCode !== null) return
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  })
  await once(worker.stdout!, 'data')
  return worker
}

/** Linux only: the state in /proc, after the name of the program. */
const isStopped = ({ pid }: ChildProcess): boolean => /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))

const skip = process.platform === 'linux' ? false : 'the state of a process is read from /proc'

t.test('prefetched tasks that others ran while the process was stopped do not start again', { skip }, async t => {
  const prefix = randomPrefix()
  const ran: string[] = []
  const app = await build(t, { prefix, stallInterval: STALL }, app => {
    app.tasks.define('quick', (_data, { id }) => { ran.push(id) })
  })
  const worker = await startWorker(t, prefix)
  const handles = await app.tasks.enqueueMany('quick', Array.from({ length: TASKS }, () => ({})))
  await until('it is stopped', () => isStopped(worker))
  const { active } = (await app.tasks.counts()).default!
  t.ok(active > 5, `${active} tasks are its own`)
  const other = await app.tasks.startWorker()
  await until('all have ended', async () => (await app.tasks.counts()).default!.succeeded === TASKS)
  await other.close()
  worker.kill('SIGCONT')
  const last = await app.tasks.enqueue('quick')
  await reaches(app, last.id, 'succeeded')
  const redis = connect(t)
  t.strictSame(await redis.lrange(`${prefix}-late`, 0, -1), [last.id], 'it starts only what is new')
  t.ok(ran.includes((await redis.get(`${prefix}-stopped`))!), 'the task that ran has run elsewhere')
  t.equal(new Set(ran).size, ran.length, 'none has run twice elsewhere')
  for (const { id } of handles) t.match(await app.tasks.status(id), { state: 'succeeded', attempt: 1 })
})
