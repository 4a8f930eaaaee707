/**
 * What a task costs Redis, and a worker, so that it can be said how far one Redis goes and what a cluster adds:
 * `npm run bench:scaling`, or `-- 20000` for another number of tasks than 60,000 a run. With `--write` the tables go into
 * docs/internals/scaling.md. CPU times, so that what else the machine does matters little.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import tasks from '../lib/plugin.ts'
import { startCluster } from '../scripts/redis-cluster.ts'
import { startRedis, type RunningRedis } from '../scripts/redis.ts'
import { table } from '../scripts/docs/markdown.ts'
import { machine, writeSection } from './section.ts'
import type { TasksOptions } from '../lib/types.ts'

type Place = Exclude<TasksOptions['redis'], undefined>
interface Setting { redis: Place, queues: string[] }

/** Of a cluster's three masters, each has two of these. */
const QUEUES = ['b', 'f', 'c', 'g', 'a', 'd']
const WORKERS = 2
const CHUNK = 500
const IDLE_WORKERS = [1, 10, 100]
const IDLE_TASKS = 200

async function boot ({ redis, queues }: Setting, handler?: () => unknown): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify()
  await app.register(tasks, { redis, queues, redisTimeout: 30_000, resultTtl: 3_600_000, routes: false })
  app.tasks.define('x', { queue: queues[0] }, handler)
  await app.ready()
  return app
}

// A worker process: starts to work when it is told to, and answers with the CPU that it has used, in µs.

async function work (setting: Setting): Promise<void> {
  const app = await boot(setting, () => ({ ok: true }))
  process.on('disconnect', () => process.exit())
  process.on('message', async word => {
    if (word === 'work') await app.tasks.startWorker({ queues: setting.queues, concurrency: 100 })
    const { user, system } = process.cpuUsage()
    process.send!(user + system)
  })
  process.send!(0)
}

async function tell (worker: ChildProcess, word: string): Promise<number> {
  worker.send(word)
  return (await once(worker, 'message'))[0]
}

// The runs

interface Cost { enqueue: number[], run: number[], worker: number, perSecond: number }

/** µs of CPU that each server has used, in its one thread that matters. */
async function cpuOf (servers: RunningRedis[]): Promise<number[]> {
  return await Promise.all(servers.map(async server => {
    const client = new Redis(server.url)
    const text = await client.info('cpu')
    client.disconnect()
    // Where the system does not count threads apart: of the whole process.
    const seconds = (name: string): number => Number((new RegExp(`used_cpu_${name}_main_thread:(.*)`).exec(text) ?? new RegExp(`used_cpu_${name}:(.*)`).exec(text))![1])
    return (seconds('user') + seconds('sys')) * 1e6
  }))
}

/** Enqueues, then works it off; µs of CPU a task: of each server for either, and of the workers. */
async function measure (setting: Setting, servers: RunningRedis[], count: number): Promise<Cost> {
  const workers = await Promise.all(Array.from({ length: WORKERS }, async () => {
    const child = fork(process.argv[1]!, ['--worker', JSON.stringify(setting)])
    await once(child, 'message')
    return child
  }))
  const app = await boot(setting)
  try {
    const idle = await cpuOf(servers)
    await enqueue(app, setting.queues, count)
    const full = await cpuOf(servers)
    const before = await Promise.all(workers.map(worker => tell(worker, 'report')))
    const start = Date.now()
    await Promise.all(workers.map(worker => tell(worker, 'work')))
    while (await left(app) > 0) await sleep(50)
    const ms = Date.now() - start
    const done = await cpuOf(servers)
    const after = await Promise.all(workers.map(worker => tell(worker, 'report')))
    const each = (from: number[], to: number[]): number[] => to.map((value, i) => (value - from[i]!) / count)
    return { enqueue: each(idle, full), run: each(full, done), worker: sum(each(before, after)), perSecond: count / ms * 1_000 }
  } finally {
    await app.close()
    for (const worker of workers) worker.disconnect()
  }
}

async function enqueue (app: FastifyInstance, queues: string[], count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += CHUNK * queues.length) {
    await Promise.all(queues.map(queue => app.tasks.enqueueMany('x', Array.from({ length: CHUNK }, () => ({ data: { n: sent }, queue })))))
  }
}

/** µs of CPU that one task costs Redis where so many workers are idle: all of them wake for it, and one gets it. */
async function measureIdle (workers: number): Promise<number> {
  const redis = await startRedis()
  const app = await boot({ redis: redis.url, queues: ['a'] }, () => ({ ok: true }))
  try {
    for (let i = 0; i < workers; i++) await app.tasks.startWorker({ queues: ['a'], concurrency: 10 })
    const before = await cpuOf([redis])
    for (let i = 0; i < IDLE_TASKS; i++) {
      await (await app.tasks.enqueue('x', i)).result()
      await sleep(20) // the next one finds all of them idle again
    }
    return (sum(await cpuOf([redis])) - sum(before)) / IDLE_TASKS
  } finally {
    await app.close()
    await redis.stop()
  }
}

async function left (app: FastifyInstance): Promise<number> {
  return sum(Object.values(await app.tasks.counts()).map(({ waiting, active }) => waiting + active))
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0)
const round = (value: number, digits = 1): string => value.toFixed(digits)

async function main (count: number, write: boolean): Promise<void> {
  const redis = await startRedis()
  const one = await measure({ redis: redis.url, queues: QUEUES }, [redis], count)
  const version = await versionOf(redis)
  await redis.stop()
  const cluster = await startCluster()
  const place = { cluster: cluster.startupNodes }
  const spread = await measure({ redis: place, queues: QUEUES }, cluster.servers, count)
  const single = await measure({ redis: place, queues: ['a'] }, cluster.servers, count)
  await cluster.stop()
  const idle: string[][] = []
  for (const workers of IDLE_WORKERS) idle.push([String(workers), round(await measureIdle(workers), 0)])

  const text = [
    costs({ 'one Redis, 6 queues': one, '3 masters, 6 queues, two on each': spread, '3 masters, 1 queue': single }),
    '',
    `One core of Redis keeps ${round(one.worker / sum(one.run))} cores of workers busy that do nothing else.`,
    '',
    limits(one, spread),
    '',
    table([['Idle workers', 'µs that one task costs Redis'], ...idle]),
    '',
    `${count.toLocaleString('en')} tasks a run that do nothing, ${WORKERS} worker processes with concurrency 100; ${machine(version)}.`
  ].join('\n')
  console.log(text)
  if (write) writeSection('docs/internals/scaling.md', 'scaling', text)
}

const perServer = ({ enqueue, run }: Cost): number[] => enqueue.map((value, i) => value + run[i]!)
const busiest = (cost: Cost): number => Math.max(...perServer(cost))

function costs (all: Record<string, Cost>): string {
  const head = ['Redis', 'Redis: µs to enqueue', 'to run', 'of these on the busiest server', 'so its core is full at tasks/s', 'workers: µs', 'measured here, tasks/s']
  return table([head, ...Object.entries(all).map(([what, cost]) =>
    [what, round(sum(cost.enqueue)), round(sum(cost.run)), round(busiest(cost)), round(1e6 / busiest(cost), 0), round(cost.worker), round(cost.perSecond, 0)])])
}

/** Nobody waits for the tasks of these runs: nothing is published. */
function limits (one: Cost, spread: Cost): string {
  return `A task costs one Redis ${round(busiest(one))} µs, and the busiest of three masters that share the queues ${round(busiest(spread))} µs: ` +
    `the core of one is full at ${round(1e6 / busiest(one), 0)} tasks/s, those of three at ${round(1e6 / busiest(spread), 0)}.`
}

async function versionOf ({ url }: RunningRedis): Promise<string> {
  const client = new Redis(url)
  const text = await client.info('server')
  client.disconnect()
  return /redis_version:(\S+)/.exec(text)![1]!
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean', default: false }, worker: { type: 'string' } } })
await (values.worker ? work(JSON.parse(values.worker)) : main(Number(positionals[0] ?? 60_000), values.write))
