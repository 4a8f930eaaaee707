/**
 * The tests of behaviour again, without Redis: the same files, in `mode: 'memory'`. Tests that make no sense there are
 * left out by name (`inRedis`), and counted here: leaving out another one needs a change of this number.
 *
 * Not among the files: tests of one module (record, options, failure, backoff, …), of Redis itself (queue, bee-queue,
 * interop, connection, outage, stalled, failover, redis-server), and of workers in their own processes (cli,
 * standalone).
 */
import t from 'tap'

t.setTimeout(180_000) // nearly a thousand asserts, on a busy machine

t.jobs = 2

const LEFT_OUT = 47

process.env.TASKS_TEST_MODE = 'memory'
process.env.REDIS_URL = 'redis://127.0.0.1:1' // nothing listens there
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
await import('../tasks/many.test.ts')
await import('../tasks/due.test.ts')
await import('../hooks/scopes.test.ts')
await import('../hooks/pre-enqueue.test.ts')
await import('../hooks/attempt.test.ts')
await import('../hooks/recipes.test.ts')
await import('../schedules/schedules.test.ts')
await import('../schedules/pairs.test.ts')
await import('../flows/shapes.test.ts')
await import('../flows/ends.test.ts')
await import('../flows/members.test.ts')
await import('../flows/refusals.test.ts')
await import('../flows/seen.test.ts')
await import('../flows/times.test.ts')
await import('../limits/pause.test.ts')
await import('../limits/limit.test.ts')
await import('../limits/unique.test.ts')
await import('../limits/priority.test.ts')
await import('../limits/rate.test.ts')
await import('../limits/pairs.test.ts')
await import('../limits/common.test.ts')
await import('../limits/turns.test.ts')
await import('../routes/routes.test.ts')
await import('../routes/watching.test.ts')

for (const { name, why } of leftOut) t.comment(`in Redis only (${why}): ${name}`)
t.comment(`${leftOut.length} tests of these files are left out in memory mode`)
t.equal(leftOut.length, LEFT_OUT, 'as many are left out as expected')
