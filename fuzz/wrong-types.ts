/**
 * Area: keys of one queue that hold another type than theirs. The process lives, the other queue is served, nothing
 * spins, and once the keys are gone the queue is served too.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { openApp, type OpenApp } from './app.ts'
import { must, mustBeCoded, outcomeOf } from './checks.ts'
import { scripts } from './commands.ts'
import { property, type MakeArea } from './area.ts'

const WITHIN = { timeout: 8_000 }
/** Claims lapse within this, in ms, so that all that is done from time to time is done. */
const HURRY = 100
const WATCHED = 150
/** Scripts and log lines that are bearable in that time, of two queues. */
const SCRIPTS = 60
const LINES = 60

const keys = ['jobs', 'waiting', 'active', 'delayed', 'succeeded', 'failed', 'stalling', 'stallBlock', 'claims', 'progress', 'stalls', 'cancelling', 'cancelledWaits', 'stallInterval', 'workers', 'workerInfo', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', 'id']

const types: Record<string, (redis: Redis, key: string) => Promise<unknown>> = {
  string: (redis, key) => redis.set(key, 'garbage'),
  list: (redis, key) => redis.rpush(key, 'a', 'b'),
  set: (redis, key) => redis.sadd(key, 'a'),
  hash: (redis, key) => redis.hset(key, 'a', '1'),
  'sorted set': (redis, key) => redis.zadd(key, 1, 'a'),
  stream: (redis, key) => redis.xadd(key, '*', 'a', '1')
}

interface Wrong { key: string, type: string }

const wrong: fc.Arbitrary<Wrong> = fc.record({ key: fc.constantFrom(...keys), type: fc.constantFrom(...Object.keys(types)) })

export const wrongTypes: MakeArea = url => {
  let open: OpenApp
  const start = async (): Promise<void> => {
    open = await openApp(url, { worker: { closeTimeout: 100 } }, app => {
      app.tasks.define('x', () => 1)
      app.tasks.define('fails', () => { throw new Error('failed') })
      app.tasks.define('other', { queue: 'other' }, () => 2)
    }, HURRY)
  }

  const use = async (): Promise<void> => {
    const { tasks } = open.app
    const asks: Array<() => Promise<unknown>> = [
      () => tasks.enqueue('x', 1, { id: 'a' }), () => tasks.enqueue('fails'), () => tasks.enqueue('x', 1, { delay: 1 }),
      () => tasks.status('a'), () => tasks.cancel('a'), () => tasks.retry('a')
    ]
    for (const ask of asks) {
      const outcome = await outcomeOf(ask)
      if ('error' in outcome) mustBeCoded(outcome.error)
    }
  }

  const spoil = async (wrongs: Wrong[]): Promise<void> => {
    for (const { key, type } of wrongs) {
      await open.redis.del(open.key(key))
      await types[type]!(open.redis, open.key(key))
    }
  }

  const attempt = async (wrongs: Wrong[]): Promise<number> => {
    await open.clear()
    await spoil(wrongs)
    await use()
    must(await (await open.app.tasks.enqueue('other')).result(WITHIN) === 2, 'the other queue')
    const before = { scripts: await scripts(open.redis), lines: open.log.lines }
    await sleep(WATCHED)
    const ran = await scripts(open.redis) - before.scripts
    must(ran <= SCRIPTS, `${ran} scripts in ${WATCHED} ms`)
    must(open.log.lines - before.lines <= LINES, `${open.log.lines - before.lines} lines in ${WATCHED} ms`)
    await open.clear()
    must(await (await open.app.tasks.enqueue('x')).result(WITHIN) === 1, 'the queue, once the keys are gone')
    return wrongs.length
  }

  return {
    name: 'wrong types',
    open: start,
    close: () => open.close(),
    properties: [property({ name: 'keys of another type', weight: 0.12, batch: 2, arbitrary: fc.array(wrong, { minLength: 1, maxLength: 4 }), attempt })]
  }
}
