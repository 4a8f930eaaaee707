/**
 * Measures the recovery after an outage of Redis: `npm run bench:outage`, 5 s by default, `-- 60` for 60 s.
 * Prints the ms from the moment at which Redis is available again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import tasks from '../lib/plugin.ts'
import { startRedis } from '../scripts/redis.ts'

const seconds = Number(process.argv[2] ?? 5)
const LIMIT = 30_000

async function until (check: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + LIMIT; Date.now() < end; await sleep(10)) if (await check().catch(() => false)) return
  throw new Error(`not within ${LIMIT} ms`)
}

const redis = await startRedis({ aof: true })
const app = Fastify()
await app.register(tasks, { redis: redis.url, worker: { concurrency: 10 }, redisTimeout: 500 })
const steps = new EventTarget()
app.tasks.define('running', (_data, task) => new Promise(resolve => {
  steps.addEventListener('report', () => { void task.reportProgress('after') })
  steps.addEventListener('end', resolve)
}))
app.tasks.define('hang', (_data, task) => new Promise((_resolve, reject) => {
  task.signal.addEventListener('abort', () => reject(task.signal.reason))
}))
app.tasks.define('quick', (_data, task) => { if (task.attempts > task.attempt) throw new Error('again') })
await app.ready()
try {
  const running = await app.tasks.enqueue('running')
  const hang = await app.tasks.enqueue('hang')
  const delayed = await app.tasks.enqueue('quick', 1, { delay: 1_000 })
  const retrying = await app.tasks.enqueue('quick', 1, { retries: 1, backoff: { strategy: 'fixed', delay: 1_000 } })
  await until(async () => (await hang.status())!.state === 'active' && (await retrying.status())!.state === 'retrying')
  await redis.kill()
  await sleep(seconds * 1_000)
  await redis.restart()
  const start = Date.now()
  const measure = async (title: string, check: () => Promise<unknown>): Promise<void> => {
    await until(check)
    console.log(`${title.padEnd(24)} ${Date.now() - start} ms`)
  }
  console.log(`Redis was unavailable for ${seconds} s`)
  const succeeds = (handle: { status (): Promise<any> }) => async () => (await handle.status()).state === 'succeeded'
  await Promise.all([
    measure('enqueue and run', async () => {
      const handle = await app.tasks.enqueue('quick')
      await handle.result({ timeout: 1_000 })
      return true
    }),
    measure('a delayed task', succeeds(delayed)),
    measure('a retry', succeeds(retrying)),
    measure('cancel of a running task', async () => {
      await hang.cancel()
      return (await hang.status())!.state === 'cancelled'
    }),
    measure('progress, then success', async () => {
      steps.dispatchEvent(new Event('report'))
      steps.dispatchEvent(new Event('end'))
      return (await running.status())!.state === 'succeeded'
    })
  ])
} finally {
  await app.close()
  await redis.stop()
}
