/**
 * What tests share: an app with its own prefix in Redis, latches instead of sleeps, polling with a deadline.
 */
import './plain-children.ts'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import type { AdvanceOptions, TaskRecord, TasksOptions } from '../../lib/types.ts'

export const REDIS_URL = process.env.REDIS_URL!

/** Whether the tests of behaviour run without Redis: see both-modes.test.ts. */
export const memoryMode = process.env.TASKS_TEST_MODE === 'memory'

/** Options that say where tasks are kept. In both modes tasks run only if a test starts a worker. */
export const where = (): TasksOptions =>
  memoryMode ? { mode: 'memory', worker: false } : { prefix: randomPrefix(), redis: REDIS_URL }

export const leftOut: Array<{ name: string, why: string }> = []

/** A test that makes no sense in memory mode: left out there, and counted. */
export function inRedis (name: string, why: string, body: (t: Test) => Promise<unknown>): void {
  if (memoryMode) leftOut.push({ name, why })
  else void t.test(name, body)
}

export const randomPrefix = (): string => `t-${randomBytes(6).toString('hex')}`

export interface Latch<T = void> {
  readonly promise: Promise<T>
  open (value: T): void
}

/** A promise that is resolved by a call of `open`. */
export function latch<T = void> (): Latch<T> {
  let open!: (value: T) => void
  const promise = new Promise<T>(resolve => { open = resolve })
  return { promise, open }
}

/** Calls `look` until it returns something truthy, and returns that. After the deadline it fails, with `what`. */
export async function until<T> (what: string, look: () => Promise<T> | T, deadline = 30_000): Promise<NonNullable<T>> {
  const end = Date.now() + deadline
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`not within ${deadline} ms: ${what}`)
    await sleep(10)
  }
}

/** An app with the plugin. It is closed when the test ends. `define` is called before it is ready. */
export async function build (
  t: Test, options: TasksOptions = {}, define?: (app: FastifyInstance) => unknown, server: FastifyServerOptions = {}
): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(server as {})
  t.teardown(() => app.close())
  await app.register(tasks, { ...where(), ...options })
  await define?.(app)
  await app.ready()
  return app
}

/** An app that sees the same tasks, as another process would. In memory mode there is only one. */
export async function elsewhere (t: Test, app: FastifyInstance, prefix: string): Promise<FastifyInstance> {
  return memoryMode ? app : build(t, { prefix })
}

/** Moves the clock by so many ms in memory mode. With Redis time passes while the test goes on. */
export async function pass (app: FastifyInstance, ms: number, options?: AdvanceOptions): Promise<void> {
  if (memoryMode) await app.tasks.advance(ms, options)
}

/** The keys in Redis under a prefix. None in memory mode. */
export async function keysOf (t: Test, prefix: string): Promise<string[]> {
  return memoryMode ? [] : connect(t).keys(`${prefix}*`)
}

/** A connection of the test. It is closed when the test ends. */
export function connect (t: Test, url = REDIS_URL): Redis {
  const redis = new Redis(url)
  redis.on('error', () => {}) // a server that a test stops on purpose
  t.teardown(() => redis.disconnect())
  return redis
}

/** Waits until a task is in one of these states, and returns its record. */
export function reaches (app: FastifyInstance, id: string, ...states: string[]): Promise<TaskRecord<any, any>> {
  return until(`${id} is ${states.join(' or ')}`, async () => {
    const record = await app.tasks.status<any, any>(id)
    return record && states.includes(record.state) ? record : null
  })
}

/** Resolves once the workers of a queue have made so many ticks, from now on. */
export async function ticks (redis: Redis, prefix: string, count: number, queue = 'default'): Promise<void> {
  const read = async (): Promise<number> => Number(await redis.get(`${prefix}:{${queue}}:tick`))
  const end = await read() + count
  await until(`the workers have made ${count} ticks`, async () => await read() >= end, 30_000)
}

/** As if these tasks had been claimed by a worker that died long ago. The next tick finds them. */
export async function claimByDeadWorker (redis: Redis, prefix: string, ...ids: string[]): Promise<void> {
  const key = (name: string): string => `${prefix}:{default}:${name}`
  const claims = ids.flatMap(id => [id, `dead.1 ${Date.now()}`])
  await redis.multi().hset(key('claims'), ...claims).zadd(key('leases'), -1_000, 'dead').del(key('tickBlock')).exec()
}

export type AnyError = Error & { code: string, statusCode: number, [key: string]: any }

/** The error that a promise rejects with, or that a function throws. */
export async function errorOf (run: Promise<unknown> | (() => unknown)): Promise<AnyError> {
  try {
    await (typeof run === 'function' ? run() : run)
  } catch (error) {
    return error as any
  }
  throw new Error('expected an error, got none')
}

interface TestLog {
  stream: { write: (line: string) => void }
  /** All lines so far. */
  lines: any[]
  /** The first line with this event, or with this text in its message. */
  find: (text: string) => any
}

/** A log that keeps its lines as objects. */
export function logger (): TestLog {
  const lines: any[] = []
  return {
    stream: { write: line => { lines.push(JSON.parse(line)) } },
    lines,
    find: text => lines.find(line => line.event === text || line.msg?.includes(text))
  }
}
