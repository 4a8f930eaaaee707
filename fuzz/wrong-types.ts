/**
 * Area: keys of a queue that hold a wrong type. The process must survive, another queue must work, no loop may spin,
 * and the queue must work again after the keys are removed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { openApp, type OpenApp } from './app.ts'
import { check, checkErrorCode, outcomeOf } from './checks.ts'
import { scriptCalls } from './commands.ts'
import { property, type MakeArea } from './area.ts'

const RESULT_OPTIONS = { timeout: 8_000 }
/** Short, so that periodic work runs during an attempt. */
const STALL_INTERVAL_MS = 100
const WATCH_MS = 150
/** Number of script calls and log lines of two queues that are allowed in this time. */
const MAX_CALLS = 60
const MAX_LINES = 60

const keys = [
  'jobs', 'waiting', 'active', 'delayed', 'succeeded', 'failed', 'stalling', 'stallBlock', 'claims', 'progress',
  'stalls', 'cancelling', 'cancelledWaits', 'stallInterval', 'workers', 'workerInfo', 'done:succeeded', 'done:failed',
  'done:cancelled', 'done:expired', 'id'
]

const types: Record<string, (redis: Redis, key: string) => Promise<unknown>> = {
  string: (redis, key) => redis.set(key, 'garbage'),
  list: (redis, key) => redis.rpush(key, 'a', 'b'),
  set: (redis, key) => redis.sadd(key, 'a'),
  hash: (redis, key) => redis.hset(key, 'a', '1'),
  'sorted set': (redis, key) => redis.zadd(key, 1, 'a'),
  stream: (redis, key) => redis.xadd(key, '*', 'a', '1')
}

interface WrongKey { key: string, type: string }

const wrongKey: fc.Arbitrary<WrongKey> =
  fc.record({ key: fc.constantFrom(...keys), type: fc.constantFrom(...Object.keys(types)) })

export const wrongTypes: MakeArea = url => {
  let opened: OpenApp
  const start = async (): Promise<void> => {
    opened = await openApp(url, { worker: { closeTimeout: 100 } }, app => {
      app.tasks.define('x', () => 1)
      app.tasks.define('fails', () => { throw new Error('failed') })
      app.tasks.define('other', { queue: 'other' }, () => 2)
    }, { shortStallInterval: STALL_INTERVAL_MS })
  }

  const checkCalls = async (): Promise<void> => {
    const { tasks } = opened.app
    const calls: Array<() => Promise<unknown>> = [
      () => tasks.enqueue('x', 1, { id: 'a' }),
      () => tasks.enqueue('fails'),
      () => tasks.enqueue('x', 1, { delay: 1 }),
      () => tasks.status('a'),
      () => tasks.cancel('a'),
      () => tasks.retry('a')
    ]
    for (const call of calls) {
      const outcome = await outcomeOf(call)
      if ('error' in outcome) checkErrorCode(outcome.error)
    }
  }

  const writeWrongKeys = async (wrongKeys: WrongKey[]): Promise<void> => {
    for (const { key, type } of wrongKeys) {
      await opened.redis.del(opened.key(key))
      await types[type]!(opened.redis, opened.key(key))
    }
  }

  const attempt = async (wrongKeys: WrongKey[]): Promise<number> => {
    await opened.clear()
    await writeWrongKeys(wrongKeys)
    await checkCalls()
    check(await (await opened.app.tasks.enqueue('other')).result(RESULT_OPTIONS) === 2, 'the other queue does not work')
    const before = { calls: await scriptCalls(opened.redis), lines: opened.log.lines }
    await sleep(WATCH_MS)
    const calls = await scriptCalls(opened.redis) - before.calls
    const lines = opened.log.lines - before.lines
    check(calls <= MAX_CALLS, `${calls} script calls in ${WATCH_MS} ms`)
    check(lines <= MAX_LINES, `${lines} log lines in ${WATCH_MS} ms`)
    await opened.clear()
    const result = await (await opened.app.tasks.enqueue('x')).result(RESULT_OPTIONS)
    check(result === 1, 'the queue does not work without the wrong keys')
    return wrongKeys.length
  }

  return {
    name: 'wrong types',
    open: start,
    close: () => opened.close(),
    properties: [property({
      name: 'keys of a wrong type',
      weight: 0.12,
      batch: 2,
      arbitrary: fc.array(wrongKey, { minLength: 1, maxLength: 4 }),
      attempt
    })]
  }
}
