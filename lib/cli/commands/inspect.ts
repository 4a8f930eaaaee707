/**
 * Layer 4: `fastify-tasks inspect`: the queues, the workers that live, and what each runs.
 */
import { EXIT } from '../exit.ts'
import { print, printJson, printTable, printErr } from '../output.ts'
import { ago, oneLine } from '../text.ts'
import { STATES } from '../../records/states.ts'
import type { PluginInstance } from '../../standalone.ts'
import type { TaskConnection } from '../connect.ts'
import type { QueueCounts, WorkerInfo } from '../../types.ts'

interface Inspection { name: string, redis: string, queues: Record<string, QueueCounts>, workers: WorkerInfo[] }

export async function inspect (source: TaskConnection, { json }: { json?: boolean }): Promise<number> {
  const all = await Promise.all(source.all.map(look))
  // One, where the app has one: what there is to say about more is said for each.
  if (json) printJson(all.length === 1 ? all[0] : all)
  else all.forEach((one, i) => { if (i > 0) print(''); show(one, all.length > 1) })
  return EXIT.done
}

async function look ({ tasks, address }: PluginInstance): Promise<Inspection> {
  const [queues, workers] = await Promise.all([tasks.counts(), tasks.workers()])
  return { name: tasks.name, redis: address, queues, workers }
}

function show ({ name, redis, queues, workers }: Inspection, named: boolean): void {
  printErr(`${named ? `${name}: ` : ''}${redis}`)
  showQueues(queues)
  print('')
  if (workers.length === 0) return printErr('No worker lives')
  showWorkers(workers)
  const running = workers.flatMap(worker => worker.running.map(one => [oneLine(worker.id), oneLine(one.name), oneLine(one.id), one.queue, String(one.attempt), ago(one.startedAt)]))
  if (running.length === 0) return
  print('')
  printTable(['WORKER', 'RUNS', 'ID', 'QUEUE', 'ATTEMPT', 'SINCE'], running)
}

const COUNTS = STATES.filter(state => state !== 'retrying')

function showQueues (queues: Record<string, QueueCounts>): void {
  printTable(['QUEUE', ...COUNTS.map(state => state.toUpperCase())], Object.entries(queues).map(([queue, counts]) => [queue, ...COUNTS.map(state => String(counts[state]))]))
}

function showWorkers (workers: WorkerInfo[]): void {
  printTable(['WORKER', 'HOST', 'PID', 'QUEUES', 'CONCURRENCY', 'ACTIVE', 'LAG', 'UP', 'SEEN', 'VERSION'], workers.map(worker => [
    oneLine(worker.id), oneLine(worker.host), String(worker.pid), oneLine(worker.queues.join(',')), String(worker.concurrency),
    `${worker.active}${worker.draining ? ' (draining)' : ''}`, `${worker.lag.max}ms`, ago(worker.startedAt), `${ago(worker.seenAt)} ago`, oneLine(worker.version)
  ]))
}
