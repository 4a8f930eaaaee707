/** The web process with the dashboard: 200 queues with tasks, and workers that only say that they live. */
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import dashboardPlugin from '../../lib/dashboard.ts'
import tasks from '../../lib/plugin.ts'
import { encodeWorkerInfo } from '../../lib/records/worker-info.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { version } from '../../lib/version.ts'
import { payload } from '../work.ts'

const BULK = 1_000
/** Ms that a worker is listed: longer than the bench takes. */
const LIFETIME = 900_000
const QUEUES_OF_WORKER = 10
export const BIG = 'big'
const BIG_RESULT = 3_000_000

export interface DashboardSize { queues: number, tasks: number, workers: number, big: number }

export async function dashboard (url: string): Promise<DashboardRole> {
  return new DashboardRole(url)
}

export class DashboardRole {
  readonly #url: string
  #app!: FastifyInstance

  constructor (url: string) {
    this.#url = url
  }

  /** Returns the address of the first page. */
  async open ({ queues, tasks: count, workers, big }: DashboardSize): Promise<string> {
    const app = this.#app = Fastify({ logger: false, forceCloseConnections: true })
    await app.register(tasks, { redis: this.#url, maxResultSize: 2 * BIG_RESULT })
    await app.register(dashboardPlugin, { prefix: '/admin', access: 'anyone-may-operate' })
    for (let i = 0; i < queues; i++) app.tasks.define(`work-${i}`, { queue: `q${i}` })
    app.tasks.define(BIG, { queue: BIG }, () => 'x'.repeat(BIG_RESULT))
    await app.ready()
    await this.#fill(queues, count)
    await this.#report(queues, workers)
    await this.#runBig(big)
    return `${await app.listen({ port: 0, host: '127.0.0.1' })}/admin`
  }

  async #fill (queues: number, count: number): Promise<void> {
    const each = Math.ceil(count / queues)
    for (let i = 0; i < queues; i++) {
      for (let left = each; left > 0; left -= BULK) {
        const items = Array.from({ length: Math.min(left, BULK) }, () => ({ data: payload() }))
        await this.#app.tasks.enqueueMany(`work-${i}`, items)
      }
    }
  }

  async #report (queues: number, workers: number): Promise<void> {
    const client = new Redis(this.#url)
    const [startedAt, lag] = [Date.now(), { mean: 0, max: 0 }]
    for (let i = 0; i < workers; i++) {
      const names = Array.from({ length: QUEUES_OF_WORKER }, (_, n) => `q${(i * QUEUES_OF_WORKER + n) % queues}`)
      const slots = { queues: names, concurrency: 10, draining: false }
      const text = encodeWorkerInfo({ host: 'bench', pid: i, version, startedAt, seenAt: startedAt, lag, ...slots }, [])
      for (const name of names) await new RedisQueue(client, name, 'bq').heartbeat(`worker-${i}`, text, LIFETIME)
    }
    client.disconnect()
  }

  async #runBig (count: number): Promise<void> {
    const { tasks } = this.#app
    const handles = await tasks.enqueueMany(BIG, Array.from({ length: count }, () => ({ data: null })))
    const worker = await tasks.startWorker({ queues: [BIG], concurrency: 2 })
    await Promise.all(handles.map(handle => handle.result()))
    await worker.close()
  }

  /** The id of a task with a large result. */
  async bigId (): Promise<string> {
    return (await this.#app.tasks.list({ state: 'succeeded', queue: BIG, limit: 1 })).tasks[0]!.id
  }
}
