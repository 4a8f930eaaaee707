/**
 * The longest time that one of our scripts holds up Redis: `npm run bench:blocking`, or `-- 100000` for smaller lists.
 * Redis measures it: the time of each script (SLOWLOG), in which other programs of the machine may take its core, and
 * the CPU time of its main thread. The bar is 10 ms of CPU, in most of the rounds.
 *
 * The queue has a million waiting, a million finished, 100,000 running, 100,000 due tasks, 100,000 tasks that plain
 * Bee-Queue workers hold, and a million marks of watchers that lapsed; then there are 200 tasks of 1 MiB, and flows of
 * 10,000 members.
 */
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { RedisQueue } from '../lib/store/redis/queue.ts'
import { scripts } from '../lib/store/redis/lua.generated.ts'
import { makeScript } from '../lib/store/redis/run-script.ts'
import { table } from '../scripts/docs/markdown.ts'
import { startRedis } from '../scripts/redis.ts'
import { flows } from './blocking-flows.ts'
import { mainThreadCpu, redisVersion } from './info.ts'
import { machine, writeSection } from './section.ts'
import { median } from './stats.ts'
import type { ClaimedJob, PurgePosition, Settlement } from '../lib/store/contract.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } }
})
const MANY = Number(positionals[0] ?? 1_000_000)
const SOME = MANY / 10
const ROUNDS = 5
const BAR_MS = 10
const DAY = 86_400_000
/** Takes as long each time: what it takes longer is the machine's. */
const LOOP = 'a loop, for comparison'

const server = await startRedis()
const redis = new Redis(server.url)
const queue = new RedisQueue(redis, 'q', 'b')
const key = (name: string): string => `b:{q}:${name}`
const nameOfSha = new Map(Object.entries(scripts).map(([name, text]) => [makeScript(text).sha, name]))

const record = (status = 'created', data = 'x'.repeat(89)): string =>
  JSON.stringify({ data: { name: 'x', data }, options: { timestamp: 1, attempts: 1 }, status, progress: null })

// Fill

/** Runs Lua for i = 1 to count, in slices. `id(i)` is a text like a UUID. */
async function fill (count: number, kind: string, body: string, ...args: string[]): Promise<void> {
  const text = `
    local function id(i) return string.format('%08x-%s00-4000-8000-000000000000', i, ARGV[3]) end
    for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do ${body} end`
  for (let from = 1; from <= count; from += 5_000) {
    await redis.eval(text, 0, from, Math.min(count, from + 4_999), kind, ...args)
  }
}

async function fillAll (): Promise<void> {
  const jobs = `redis.call('HSET', '${key('jobs')}', id(i), ARGV[4])`
  await fill(MANY, '0a', `${jobs} redis.call('LPUSH', '${key('waiting')}', id(i))`, record())
  await fill(MANY, '0b', `${jobs} redis.call('SADD', '${key('succeeded')}', id(i))
    redis.call('ZADD', '${key('done:succeeded')}', i % 2 == 0 and 1 or ${Date.now() + DAY}, id(i))`,
  record('succeeded'))
  const claim = 'string.format(\'%-80s\', \'w.1 1\')'
  await fill(SOME, '0c', `${jobs} redis.call('HSET', '${key('claims')}', id(i), ${claim})`, record())
  await fill(SOME, '0d', `${jobs} redis.call('ZADD', '${key('delayed')}', i, id(i))`, record())
  await fill(SOME, '0e', `${jobs} redis.call('LPUSH', '${key('active')}', id(i))`, record())
  await fill(MANY, '0f', `redis.call('ZADD', '${key('watched')}', i, id(i))`)
  await fill(SOME, '10', `${jobs} redis.call('ZADD', '${key('done:cancelled')}', 1, id(i))`, record('cancelled'))
  await queue.renew('w', 1)
}

// Measure

interface Longest { wall: number[], cpu: number[] }
const longest = new Map<string, Longest>()

/** What SLOWLOG has of our scripts since the last call, by script. */
async function slowest (): Promise<Map<string, number>> {
  const entries = await redis.slowlog('GET', 10_000) as Array<[number, number, number, string[]]>
  await redis.slowlog('RESET')
  const found = new Map<string, number>()
  for (const [, , microseconds, [command, sha]] of entries) {
    // Commands within a script are entries of their own.
    const name = /^evalsha$/i.test(command!) ? nameOfSha.get(sha!) : /^eval$/i.test(command!) ? LOOP : undefined
    if (name) found.set(name, Math.max(found.get(name) ?? 0, microseconds / 1_000))
  }
  return found
}

let cpuOfCall = 0

/** One call of a script, in a longer measurement. */
async function one<T> (call: () => Promise<T>): Promise<T> {
  const before = await mainThreadCpu(redis)
  const reply = await call()
  cpuOfCall = Math.max(cpuOfCall, await mainThreadCpu(redis) - before)
  return reply
}

/** @param run one call, or several by `one` */
async function measure (what: string, run: () => Promise<unknown>): Promise<void> {
  await slowest()
  cpuOfCall = 0
  await run()
  for (const [name, wall] of await slowest()) {
    if ((name === LOOP) !== (what === LOOP)) continue // a script that was not loaded yet
    const title = name === LOOP ? LOOP : `${name}: ${what}`
    const all = longest.get(title) ?? { wall: [], cpu: [] }
    all.wall.push(wall)
    all.cpu.push(cpuOfCall === 0 ? wall : cpuOfCall)
    longest.set(title, all)
  }
}

/** One call. */
const measureOne = (what: string, call: () => Promise<unknown>): Promise<void> => measure(what, () => one(call))

let token = 0
const nextToken = (): string => `w.${++token + 10}`
const settlement = ({ id, token }: ClaimedJob, text: string): Settlement =>
  ({ id, token, outcome: 'succeeded', text, ms: DAY })

async function sweepAll (interval = DAY): Promise<void> {
  await redis.del(key('tickBlock'))
  for (let position: string | null = null, first = true; first || position !== null; first = false) {
    position = (await one(() => queue.upkeep.sweep(interval, 2, position))).position
  }
}

/** Fails if a call about many tasks did not do what it is measured for. */
async function each (expected: string, replies: Promise<string[]>): Promise<void> {
  const other = (await replies).find(reply => reply !== expected)
  if (other !== undefined) throw new Error(`a task was not ${expected}: ${other}`)
}

/** Of calls about 100 tasks at once. */
async function manyTasks (failed: ClaimedJob[]): Promise<void> {
  await queue.settle(failed.map(job => ({ ...settlement(job, record('failed')), outcome: 'failed' })))
  const until = await queue.walk.failedUntil(failed.map(({ id }) => id))
  await measureOne('100 failed tasks', () => each('queued', queue.many.retry(failed.map(({ id }, i) =>
    ({ id, until: until[i]!, after: record() })))))
  const { ids: delayed } = await queue.pageOf('delayed', 100)
  await measureOne('100 delayed tasks', () => each('cancelled', queue.many.cancel(delayed.map(id =>
    ({ id, before: record(), after: record('cancelled'), ttl: DAY })))))
  const { ids: waiting } = await queue.pageOf('waiting', 100)
  await measureOne('100 waiting tasks', () => each('removed', queue.many.remove(waiting.map(id =>
    ({ id, before: record() })))))
}

async function largeQueue (): Promise<void> {
  const jobs: ClaimedJob[] = []
  await measureOne('500 of a million', async () => { jobs.push(...(await queue.claim(500, nextToken(), false)).jobs) })
  await measureOne('the same again', () => queue.claim(500, `w.${token + 10}`, true))
  await measureOne('a cut wait', () => queue.cancelWait(nextToken()))
  const outcomes = jobs.slice(0, 200).map(job => settlement(job, record('succeeded')))
  await measureOne('200 outcomes', () => queue.settle(outcomes))
  await measureOne('200 of many', () => queue.release(jobs.slice(200, 400)))
  await measureOne('100,000 claims', () => queue.renew('w', 1))
  await manyTasks(jobs.slice(400, 500))
  await measureOne('200 claims', () => queue.checkClaims(jobs.slice(200, 400)))
  await measureOne('500 due of 100,000', () => queue.upkeep.queueDue('w'))
  await measureOne('500 new tasks', () =>
    queue.addMany(Array.from({ length: 500 }, (_, i) => ({ id: `n${token}-${i}`, text: record(), ownId: true }))))
  await measureOne('a million lapsed marks', () => queue.watch(['a'], 20_000))
  await measureOne('a page of waiting tasks', () => queue.pageOf('waiting', 1_000))
  await measureOne('a page of active tasks', () => queue.pageOf('active', 1_000))
  await measureOne('counts', () => queue.counts())
  const { ids: [id] } = await queue.pageOf('waiting', 1)
  await measureOne('a waiting task of a million', () => queue.cancel(id!, record(), record('cancelled'), DAY))
  await measureOne('expired records', () => queue.upkeep.prune(500))
  await measureOne('200 of each', () => queue.purge(200))
  await measure('no lease expired', () => sweepAll())
}

/** All that were claimed by a worker that died, and all that plain workers hold. */
async function recovery (): Promise<void> {
  await redis.zadd(key('leases'), -1_000, 'w')
  await redis.del(key('stallBlock'))
  await measure('100,000 tasks of a dead worker', () => sweepAll())
}

async function largeTasks (): Promise<void> {
  const text = record('created', 'x'.repeat(1_048_000))
  const big = new RedisQueue(redis, 'big', 'b')
  await measure('1 MiB', async () => {
    for (let i = 0; i < 200; i++) await one(() => big.add({ id: `big${i}`, text }))
  })
  const jobs: ClaimedJob[] = []
  await measure('records of 1 MiB', async () => {
    for (let more = true; more && jobs.length < 100;) {
      const reply = await one(() => big.claim(500, nextToken(), false))
      jobs.push(...reply.jobs)
      more = reply.more
    }
  })
  await measure('an outcome of 1 MiB', async () => {
    for (const job of jobs.slice(0, 20)) {
      await one(() => big.settle([{ ...settlement(job, text), outcome: 'cancelled', ms: 1 }]))
    }
  })
  await measure('expired records of 1 MiB', async () => { while (await one(() => big.upkeep.prune(500)) > 0); })
  await redis.zadd(key('leases').replace('{q}', '{big}'), -1_000, 'w')
  await measure('stalled tasks of 1 MiB', async () => {
    for (let position: string | null = null, first = true; first || position !== null; first = false) {
      position = (await big.upkeep.sweep(DAY, 0, position)).position // reads the records too, each by itself
    }
  })
  await measure('waiting tasks of 1 MiB', async () => {
    for (let after: PurgePosition | null | undefined; after !== null;) {
      after = (await one(() => big.purge(200, { after }))).after
    }
  })
  await redis.del(...(await redis.keys('b:{big}:*')).filter(name => !name.endsWith(':jobs')))
  await redis.unlink('b:{big}:jobs')
}

async function main (): Promise<boolean> {
  console.log(`${MANY.toLocaleString('en')} tasks are made …`)
  await fillAll()
  await redis.config('SET', 'slowlog-log-slower-than', 200)
  await redis.config('SET', 'slowlog-max-len', 10_000)
  for (let round = 0; round < ROUNDS; round++) {
    await largeQueue()
    await largeTasks()
    await flows(redis, server.url, measure)
    await measure(LOOP, async () => {
      for (let i = 0; i < 200; i++) await one(() => redis.eval('for i = 1, 2e5 do local _ = i end', 0))
    })
  }
  await recovery()
  const rows = [...longest]
    .map(([title, { wall, cpu }]) => [title, median(cpu), Math.max(...cpu), median(wall), Math.max(...wall)] as const)
    .sort((one, other) => other[1] - one[1])
  const version = await redisVersion(redis)
  const text = [
    table([['Script', 'CPU, ms', 'most', 'with waits, ms', 'most'],
      ...rows.map(([title, ...times]) => [title, ...times.map(ms => ms.toFixed(1))])]),
    '',
    `The longest call of each of ${ROUNDS} rounds, median and longest. Calls below 0.2 ms are left out. ` +
      `${machine(version)}.`
  ].join('\n')
  console.log(text)
  if (values.write) writeSection('docs/internals/scaling.md', 'blocking', text)
  return rows.every(([title, middle]) => middle <= BAR_MS || title === LOOP)
}

try {
  const isMet = await main()
  console.log(isMet ? `no script holds Redis for more than ${BAR_MS} ms` : `the bar of ${BAR_MS} ms is not met`)
  process.exitCode = isMet ? 0 : 1
} finally {
  redis.disconnect()
  await server.stop()
}
