/**
 * `fastify-tasks inspect`: the queues, the living workers, and what each of them is running.
 */
import { EXIT } from '../exit.ts'
import { print, printJson, printTable, printErr } from '../output.ts'
import { ago, oneLine } from '../text.ts'
import { STATES } from '../../records/states.ts'
import type { PluginInstance } from '../../boot/app-registry.ts'
import type { TaskConnection } from '../connect.ts'
import type { QueueCounts, WorkerInfo } from '../../types.ts'

interface Inspection { name: string, redis: string, queues: Record<string, QueueCounts>, workers: WorkerInfo[] }

/** Returns the exit code. With --json prints an object, or an array if the app registers several instances. */
export async function inspect ({ instances }: TaskConnection, { json }: { json?: boolean }): Promise<number> {
  const inspections = await Promise.all(instances.map(inspectInstance))
  const isOnly = inspections.length === 1
  if (json) printJson(isOnly ? inspections[0] : inspections)
  else inspections.forEach((inspection, i) => printAll(inspection, isOnly, i === 0))
  return EXIT.done
}

async function inspectInstance ({ tasks, address }: PluginInstance): Promise<Inspection> {
  const [queues, workers] = await Promise.all([tasks.counts(), tasks.workers()])
  return { name: tasks.name, redis: address, queues, workers }
}

function printAll ({ name, redis, queues, workers }: Inspection, isOnly: boolean, isFirst: boolean): void {
  if (!isFirst) print('')
  printErr(isOnly ? redis : `${name}: ${redis}`)
  showQueues(queues)
  print('')
  if (workers.length === 0) return printErr('No workers running')
  showWorkers(workers)
  const running = workers.flatMap(runningRows)
  if (running.length === 0) return
  print('')
  printTable(['WORKER', 'RUNS', 'ID', 'QUEUE', 'ATTEMPT', 'SINCE'], running)
}

const runningRows = ({ id, running }: WorkerInfo): string[][] => running.map(task => [
  oneLine(id), oneLine(task.name), oneLine(task.id), task.queue,
  `${task.attempt}${task.overdue ? ' (overdue)' : ''}`, ago(task.startedAt)
])

const COUNTS = STATES.filter(state => state !== 'retrying')

function showQueues (queues: Record<string, QueueCounts>): void {
  const rows = Object.entries(queues).map(([queue, counts]) => [
    queue + pauseIn(counts), ...COUNTS.map(state => String(counts[state]))
  ])
  printTable(['QUEUE', ...COUNTS.map(state => state.toUpperCase())], rows)
}

/** Behind the name of its queue. */
function pauseIn ({ paused, pausedTasks }: QueueCounts): string {
  if (paused) return ' (paused)'
  return pausedTasks.length === 0 ? '' : ` (paused: ${pausedTasks.map(oneLine).join(', ')})`
}

const WORKER_TITLES = ['WORKER', 'HOST', 'PID', 'QUEUES', 'CONCURRENCY', 'ACTIVE', 'LAG', 'UP', 'SEEN', 'VERSION']

function showWorkers (workers: WorkerInfo[]): void {
  printTable(WORKER_TITLES, workers.map(worker => [
    oneLine(worker.id), oneLine(worker.host), String(worker.pid), oneLine(worker.queues.join(',')),
    String(worker.concurrency), `${worker.active}${worker.draining ? ' (draining)' : ''}`, `${worker.lag.max}ms`,
    ago(worker.startedAt), `${ago(worker.seenAt)} ago`, oneLine(worker.version)
  ]))
}
