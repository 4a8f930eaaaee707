/**
 * The tests of behaviour once more, without Redis: the same files, in `mode: 'inline'`. What has no meaning there is left
 * out by name (`inRedis`), and counted here: not one more without this number.
 *
 * Not among the files: those of one module (record, options, failure, backoff, …), of Redis itself (queue, bee, interop,
 * connection, outage, stalled, failover, redis-server), and of workers in processes of their own (cli, standalone).
 */
import t from 'tap'

const LEFT_OUT = 21

process.env.TASKS_TEST_MODE = 'inline'
process.env.REDIS_URL = 'redis://127.0.0.1:1' // nobody is there
const { leftOut } = await import('./helpers.ts')

await import('./register.test.ts')
await import('./enqueue.test.ts')
await import('./schema.test.ts')
await import('./worker.test.ts')
await import('./retry.test.ts')
await import('./timeout.test.ts')
await import('./cancel.test.ts')
await import('./shutdown.test.ts')
await import('./status.test.ts')
await import('./listing.test.ts')
await import('./routes.test.ts')
await import('./watching.test.ts')

for (const { name, why } of leftOut) t.comment(`in Redis only (${why}): ${name}`)
t.comment(`${leftOut.length} tests of these files are left out inline`)
t.equal(leftOut.length, LEFT_OUT, 'what is left out is known')
