/**
 * The log of a task is read in two steps. What comes between them may drop what the first one has seen.
 */
import t, { type Test } from 'tap'
import { connect, randomPrefix } from '../support/helpers.ts'
import { QueueKeys } from '../../lib/store/redis/keys.ts'
import { RedisLogs } from '../../lib/store/redis/logs.ts'

/** A log of one line at most, and a connection on which a line comes before each read of lines, so many times. */
async function chatty (t: Test, times: number): Promise<RedisLogs> {
  const redis = connect(t)
  const keys = new QueueKeys(randomPrefix(), 'default')
  const logs = new RedisLogs(redis as any, keys)
  await redis.hset(keys.jobs, 'a', '{}')
  await logs.append('a', 'line 0', 1)
  let left = times
  const hmget = async (...args: [string, ...string[]]): Promise<Array<string | null>> => {
    if (left-- > 0) await logs.append('a', `line ${times - left}`, 1)
    return redis.hmget(...args)
  }
  const get = (target: any, name: string): unknown => name === 'hmget' ? hmget : target[name]
  return new RedisLogs(new Proxy(redis as any, { get }), keys)
}

t.test('a line is dropped while it is read: the newer one is read', async t => {
  const logs = await chatty(t, 1)
  t.same(await logs.read('a', 0), { parts: ['line 1'], next: 2 })
})

t.test('each time: it is not read for ever', async t => {
  const logs = await chatty(t, 100)
  t.same(await logs.read('a', 0), { parts: [], next: 3 })
})
