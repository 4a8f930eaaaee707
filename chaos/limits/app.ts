/** The app that all processes of a run share. */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks from '../../lib/plugin.ts'
import { MAX, MAX_OF_ALL, PREFIX, RATES, RATES_OF_ALL, STALL_MS, type Work } from './plan.ts'

type Handler = (data: Work, task: any) => Promise<void>

/** @param handler none in a process that only enqueues */
export async function makeApp (redis: string, handler?: Handler): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(tasks, {
    redis,
    prefix: PREFIX,
    routes: false,
    stallInterval: STALL_MS,
    redisTimeout: 3_000,
    maxStalls: 1_000,
    worker: false,
    retries: 3,
    backoff: { strategy: 'fixed', delay: 50 }
  })
  const key = ({ key }: Work): string => key
  app.tasks.define('sync', { limit: { max: MAX.sync, key } }, handler as any)
  app.tasks.define('step', { limit: { ordered: true, key } }, handler as any)
  app.tasks.define('call', { rate: { ...RATES.call!, key } }, handler as any)
  app.tasks.define('sum', { limit: { max: MAX_OF_ALL.sum! }, rate: { ...RATES.sum!, key } }, handler as any)
  app.tasks.define('pair', { limit: { max: MAX.pair, key }, rate: RATES_OF_ALL.pair! }, handler as any)
  await app.ready()
  return app
}
