/**
 * The tests of behaviour once more, without Redis: the same files, in `mode: 'memory'`. What has no meaning there is left
 * out by name (`inRedis`), and counted here: not one more without this number.
 *
 * Not among the files: those of one module (record, options, failure, backoff, …), of Redis itself (queue, bee, interop,
 * connection, outage, stalled, failover, redis-server), and of workers in processes of their own (cli, standalone).
 */
import t from 'tap'

const LEFT_OUT = 21

process.env.TASKS_TEST_MODE = 'memory'
process.env.REDIS_URL = 'redis://127.0.0.1:1' // nobody is there
const { leftOut } = await import('../support/helpers.ts')

await import('../register.test.ts')
await import('../tasks/enqueue.test.ts')
await import('../tasks/schemas.test.ts')
await import('../worker/worker.test.ts')
await import('../worker/retry.test.ts')
await import('../attempt/timeout.test.ts')
await import('../tasks/cancel.test.ts')
await import('../worker/shutdown.test.ts')
await import('../tasks/status.test.ts')
await import('../tasks/listing.test.ts')
await import('../routes/routes.test.ts')
await import('../routes/watching.test.ts')

for (const { name, why } of leftOut) t.comment(`in Redis only (${why}): ${name}`)
t.comment(`${leftOut.length} tests of these files are left out in memory mode`)
t.equal(leftOut.length, LEFT_OUT, 'what is left out is known')
