/**
 * What tests share: an app on a prefix of its own, latches instead of sleeps, polling with a deadline.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import tasks from '../../lib/plugin.ts'
import { RedisUpkeep } from '../../lib/store/redis/upkeep.ts'
import type { AdvanceOptions, TaskRecord, TasksOptions } from '../../lib/types.ts'

export const REDIS_URL = process.env.REDIS_URL!

/** Whether the tests of behaviour run without Redis: see both-modes.test.ts. */
export const memoryMode = process.env.TASKS_TEST_MODE === 'memory'

/** Options that say where tasks are kept. Nothing runs by itself, unless a test asks for a worker: as with Redis. */
export const where = (): TasksOptions => memoryMode ? { mode: 'memory', worker: false } : { prefix: randomPrefix(), redis: REDIS_URL }

export const leftOut: Array<{ name: string, why: string }> = []

/** A test that has no meaning in memory mode: left out there, and counted. */
export function inRedis (name: string, why: string, body: (t: Test) => Promise<unknown>): void {
  if (memoryMode) leftOut.push({ name, why })
  else void t.test(name, body)
}

export const randomPrefix = (): string => `t-${randomBytes(6).toString('hex')}`

export interface Latch<T = void> {
  readonly promise: Promise<T>
  open (value: T): void
}

/** A promise that is resolved from outside. */
export function latch<T = void> (): Latch<T> {
  let open!: (value: T) => void
  const promise = new Promise<T>(resolve => { open = resolve })
  return { promise, open }
}

/** Looks until `look` gives something truthy; fails with `what` after the deadline. */
export async function until<T> (what: string, look: () => Promise<T> | T, deadline = 10_000): Promise<NonNullable<T>> {
  const end = Date.now() + deadline
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`not within ${deadline} ms: ${what}`)
    await sleep(10)
  }
}

/** An app with the plugin, closed at the test's end. `define` is called before it is ready. */
export async function build (t: Test, options: TasksOptions = {}, define?: (app: FastifyInstance) => unknown, server: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(server as {})
  t.teardown(() => app.close())
  await app.register(tasks, { ...where(), ...options })
  await define?.(app)
  await app.ready()
  return app
}

/** The same tasks as another process sees them; in memory mode there is none but this. */
export async function elsewhere (t: Test, app: FastifyInstance, prefix: string): Promise<FastifyInstance> {
  return memoryMode ? app : build(t, { prefix })
}

/** Lets so much time pass (ms): with Redis by itself, while the test goes on; in memory mode by hand. */
export async function pass (app: FastifyInstance, ms: number, options?: AdvanceOptions): Promise<void> {
  if (memoryMode) await app.tasks.advance(ms, options)
}

/** What is in Redis under a prefix. Inline there is no Redis. */
export async function keysOf (t: Test, prefix: string): Promise<string[]> {
  return memoryMode ? [] : connect(t).keys(`${prefix}*`)
}

/** A connection of the test's own, closed at its end. */
export function connect (t: Test, url = REDIS_URL): Redis {
  const redis = new Redis(url)
  redis.on('error', () => {}) // a server that a test stops on purpose
  t.teardown(() => redis.disconnect())
  return redis
}

/** The record once it is in one of these states. */
export function reaches (app: FastifyInstance, id: string, ...states: string[]): Promise<TaskRecord<any, any>> {
  return until(`${id} is ${states.join(' or ')}`, async () => {
    const record = await app.tasks.status<any, any>(id)
    return record && states.includes(record.state) ? record : null
  })
}

/** Resolves once so many workers of this process have checked a queue for stalled tasks, from now on. */
export async function checkedForStalled (t: Test, workers: number): Promise<void> {
  const { recover } = RedisUpkeep.prototype
  const checked = new Set<RedisUpkeep>()
  const restore = (): void => { RedisUpkeep.prototype.recover = recover }
  t.teardown(restore)
  RedisUpkeep.prototype.recover = async function (...args) {
    const found = await recover.apply(this, args)
    checked.add(this)
    return found
  }
  await until(`${workers} workers have checked for stalled tasks`, () => checked.size >= workers)
  restore()
}

/** The error that a promise rejects with, or that a function throws. */
export async function errorOf (run: Promise<unknown> | (() => unknown)): Promise<Error & { code: string, statusCode: number, [key: string]: any }> {
  try {
    await (typeof run === 'function' ? run() : run)
  } catch (error) {
    return error as any
  }
  throw new Error('expected an error, got none')
}

/** Lines of a log, as objects; `find` looks for an event, or for a part of the message. */
export function logger (): { stream: { write: (line: string) => void }, lines: any[], find: (text: string) => any } {
  const lines: any[] = []
  return { stream: { write: line => { lines.push(JSON.parse(line)) } }, lines, find: text => lines.find(line => line.event === text || line.msg?.includes(text)) }
}
