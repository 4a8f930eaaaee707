/**
 * Measures the CPU time that a task costs Redis and a worker: the limit of one Redis, and the gain of a cluster.
 * `npm run bench:scaling` runs 60,000 tasks a run, `-- 20000` another number. `--write` puts the tables into
 * docs/internals/scaling.md. CPU times depend little on the other load of the machine.
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
import { mainThreadCpu, redisVersion } from './info.ts'
import { machine, writeSection } from './section.ts'
import type { TasksOptions } from '../lib/types.ts'

interface Setting { redis: Exclude<TasksOptions['redis'], undefined>, queues: string[] }

/** Each of a cluster's three masters holds two of these. */
const QUEUES = ['b', 'f', 'c', 'g', 'a', 'd']
const WORKERS = 2
const CHUNK = 500

async function boot ({ redis, queues }: Setting, handler?: () => unknown): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify()
  await app.register(tasks, { redis, queues, redisTimeout: 30_000, resultTtl: 3_600_000, routes: false })
  app.tasks.define('x', { queue: queues[0] }, handler)
  await app.ready()
  return app
}

// A worker process. The message "work" starts its worker. It answers each message with the CPU that it used, in µs.

async function work (setting: Setting): Promise<void> {
  const app = await boot(setting, () => ({ ok: true }))
  process.on('disconnect', () => process.exit())
  process.on('message', async message => {
    if (message === 'work') await app.tasks.startWorker({ queues: setting.queues, concurrency: 100 })
    const { user, system } = process.cpuUsage()
    process.send!(user + system)
  })
  process.send!(0)
}

async function request (worker: ChildProcess, message: 'work' | 'report'): Promise<number> {
  worker.send(message)
  return (await once(worker, 'message'))[0]
}

// The runs

interface Cost { enqueue: number[], run: number[], worker: number, perSecond: number }

/** µs of CPU that the main thread of each server used. */
async function cpuOf (servers: RunningRedis[]): Promise<number[]> {
  return await Promise.all(servers.map(async server => {
    const client = new Redis(server.url)
    const used = await mainThreadCpu(client)
    client.disconnect()
    return used * 1_000
  }))
}

async function startWorker (setting: Setting): Promise<ChildProcess> {
  const child = fork(process.argv[1]!, ['--worker', JSON.stringify(setting)])
  await once(child, 'message')
  return child
}

/** Enqueues tasks, then runs them. µs of CPU a task: of each server for both steps, and of the workers. */
async function measure (setting: Setting, servers: RunningRedis[], count: number): Promise<Cost> {
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(setting)))
  const app = await boot(setting)
  try {
    const idle = await cpuOf(servers)
    await enqueue(app, setting.queues, count)
    const full = await cpuOf(servers)
    const before = await Promise.all(workers.map(worker => request(worker, 'report')))
    const start = Date.now()
    await Promise.all(workers.map(worker => request(worker, 'work')))
    while (await unfinished(app) > 0) await sleep(50)
    const ms = Date.now() - start
    const done = await cpuOf(servers)
    const after = await Promise.all(workers.map(worker => request(worker, 'report')))
    const perTask = (from: number[], to: number[]): number[] => to.map((value, i) => (value - from[i]!) / count)
    return {
      enqueue: perTask(idle, full),
      run: perTask(full, done),
      worker: sum(perTask(before, after)),
      perSecond: count / ms * 1_000
    }
  } finally {
    await app.close()
    for (const worker of workers) worker.disconnect()
  }
}

async function enqueue (app: FastifyInstance, queues: string[], count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += CHUNK * queues.length) {
    const chunk = (queue: string): Array<{ data: object, queue: string }> =>
      Array.from({ length: CHUNK }, () => ({ data: { n: sent }, queue }))
    await Promise.all(queues.map(queue => app.tasks.enqueueMany('x', chunk(queue))))
  }
}

async function unfinished (app: FastifyInstance): Promise<number> {
  return sum(Object.values(await app.tasks.counts()).map(({ waiting, active }) => waiting + active))
}

const sum = (numbers: number[]): number => numbers.reduce((total, value) => total + value, 0)
const round = (value: number, digits = 1): string => value.toFixed(digits)

async function main (count: number, write: boolean): Promise<void> {
  const redis = await startRedis()
  const oneRedis = await measure({ redis: redis.url, queues: QUEUES }, [redis], count)
  const version = await versionOf(redis)
  await redis.stop()
  const cluster = await startCluster()
  const clusterOptions = { cluster: cluster.startupNodes }
  const sixQueues = await measure({ redis: clusterOptions, queues: QUEUES }, cluster.servers, count)
  const oneQueue = await measure({ redis: clusterOptions, queues: ['a'] }, cluster.servers, count)
  await cluster.stop()

  const text = [
    costs({
      'one Redis, 6 queues': oneRedis,
      '3 masters, 6 queues, two on each': sixQueues,
      '3 masters, 1 queue': oneQueue
    }),
    '',
    `One core of Redis is enough for ${round(oneRedis.worker / sum(oneRedis.run))} cores of workers.`,
    '',
    limits(oneRedis, sixQueues),
    '',
    `${count.toLocaleString('en')} tasks a run with empty handlers, ${WORKERS} worker processes, concurrency 100; ` +
      `${machine(version)}.`
  ].join('\n')
  console.log(text)
  if (write) writeSection('docs/internals/scaling.md', 'scaling', text)
}

const perServer = ({ enqueue, run }: Cost): number[] => enqueue.map((value, i) => value + run[i]!)
const busiest = (cost: Cost): number => Math.max(...perServer(cost))

function costs (all: Record<string, Cost>): string {
  const head = [
    'Redis',
    'Redis: µs to enqueue',
    'Redis: µs to run',
    'both, on the busiest server',
    'its core is full at tasks/s',
    'workers: µs',
    'measured here, tasks/s'
  ]
  return table([head, ...Object.entries(all).map(([title, cost]) => [
    title,
    round(sum(cost.enqueue)),
    round(sum(cost.run)),
    round(busiest(cost)),
    round(1e6 / busiest(cost), 0),
    round(cost.worker),
    round(cost.perSecond, 0)
  ])])
}

/** No client waits for the tasks of these runs, so nothing is published. */
function limits (oneRedis: Cost, cluster: Cost): string {
  const [one, three] = [busiest(oneRedis), busiest(cluster)]
  return `A task costs one Redis ${round(one)} µs, and the busiest of three masters that share the queues ` +
    `${round(three)} µs: the core of one Redis is full at ${round(1e6 / one, 0)} tasks/s, ` +
    `those of three masters at ${round(1e6 / three, 0)}.`
}

async function versionOf ({ url }: RunningRedis): Promise<string> {
  const client = new Redis(url)
  const version = await redisVersion(client)
  client.disconnect()
  return version
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false }, worker: { type: 'string' } }
})
await (values.worker ? work(JSON.parse(values.worker)) : main(Number(positionals[0] ?? 60_000), values.write))
