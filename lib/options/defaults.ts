/**
 * Every default, once.
 */
import { availableParallelism } from 'node:os'
import type { FastifyRequest } from 'fastify'
import type {
  BackoffOptions, BackoffStrategy, MetricsOptions, RoutesOptions, TasksOptions, ThreadsOptions, WorkerOptions
} from '../types.ts'

const ONE_DAY_MS = 86_400_000

export const routesDefaults = {
  maxWaits: 5_000,
  maxWaitsPerKey: 0,
  waitKey: (request: FastifyRequest): string => request.ip
}

export type RoutesSettings = RoutesOptions & typeof routesDefaults

export const defaults = {
  name: 'tasks',
  mode: 'redis' as 'redis' | 'memory',
  prefix: 'bq',
  queue: 'default',
  queues: [] as string[],
  routes: routesDefaults as false | RoutesSettings,
  worker: false as boolean | WorkerOptions,
  threads: { max: availableParallelism(), idleTimeout: 60_000 } as ThreadsOptions,
  retries: 0,
  backoff: { strategy: 'exponential', delay: 1_000, max: 60_000, jitter: true } as BackoffOptions,
  backoffStrategies: {} as Record<string, BackoffStrategy>,
  timeout: 0,
  resultTtl: ONE_DAY_MS,
  // Bee-Queue's own default, 5 s, runs a task twice if its handler blocks the event loop for that long.
  stallInterval: 30_000,
  maxStalls: 2,
  redisTimeout: 2_000,
  connectTimeout: 2_000,
  maxDataSize: 1_048_576,
  maxResultSize: 1_048_576,
  maxProgressSize: 65_536,
  history: true,
  metrics: true as boolean | MetricsOptions,
  requestContext: true,
  exposeStack: false
}

/** Where Redis is if no option, no client of the app and no REDIS_URL names one. */
export const LOCAL_REDIS = 'redis://localhost:6379/0'

export const workerDefaults = { concurrency: 10, closeTimeout: 10_000 }

/** Less than the 5 s after which Jest and Vitest give up: their error could not say why. */
export const drainDefaults = { timeout: 4_000, delayed: false, wait: true }

export const listDefaults = { limit: 50 }

/** Of `fastify-tasks inspect --check`, in s. */
export const checkDefaults = { maxWait: 600 }

/** Of `fastify-tasks dev`. A running task is released early, and runs again after the restart. */
export const devDefaults = { port: 3_000, host: 'localhost', closeTimeout: 2_000 }

/** The options of `register` with all defaults. */
export type Settings = typeof defaults & Pick<TasksOptions, 'redis' | 'telemetry'>

/** The options of a worker with all defaults. */
export type WorkerSettings = Required<WorkerOptions>
