/**
 * `fastify-tasks inspect`: the queues, the living workers, what each of them is running, and the keys whose tasks wait
 * for their limit or rate.
 */
import { EXIT } from '../exit.ts'
import { countedTasks, print, printJson, printTable, printErr } from '../output.ts'
import { ago, oneLine } from '../text.ts'
import { STATES } from '../../records/states.ts'
import type { ListedKey, PluginInstance } from '../../boot/app-registry.ts'
import type { TaskConnection } from '../connect.ts'
import type { QueueCounts, WorkerInfo } from '../../types.ts'

interface Inspection {
  name: string
  redis: string
  queues: Record<string, QueueCounts>
  workers: WorkerInfo[]
  keys: ListedKey[]
}

const MAX_KEYS = 20

export interface InspectFlags {
  json?: boolean
  /** Look for trouble, and print nothing else. */
  check?: boolean
  /** How long a task may wait, in s. */
  maxWait: number
}

/** Returns the exit code. With --json prints an object, or an array if the app registers several instances. */
export async function inspect ({ instances }: TaskConnection, flags: InspectFlags): Promise<number> {
  const { json, check } = flags
  if (check) return await checkAll(instances, flags)
  const inspections = await Promise.all(instances.map(inspectInstance))
  const isOnly = inspections.length === 1
  if (json) printJson(isOnly ? inspections[0] : inspections)
  else inspections.forEach((inspection, i) => printAll(inspection, isOnly, i === 0))
  return EXIT.done
}

/** What is wrong with one queue. */
interface Trouble { name: string, queue: string, problem: string }

async function checkAll (instances: PluginInstance[], { json, maxWait }: InspectFlags): Promise<number> {
  const found = await Promise.all(instances.map(instance => troubles(instance, maxWait)))
  const all = found.flat()
  const where = ({ name, queue }: Trouble): string => instances.length > 1 ? `${name} ${queue}` : queue
  if (json) printJson(all)
  else for (const trouble of all) print(`${where(trouble)}: ${trouble.problem}`)
  return all.length === 0 ? EXIT.done : EXIT.trouble
}

async function troubles ({ tasks: { name }, measure }: PluginInstance, maxWait: number): Promise<Trouble[]> {
  return (await measure()).flatMap(({ queue, counts: { waiting }, workers, oldestSeconds }) => {
    const problems: string[] = []
    if (waiting > 0 && workers === 0) problems.push(`no worker is running for ${countedTasks(waiting)}`)
    if (oldestSeconds > maxWait) problems.push(`a task has waited for ${Math.round(oldestSeconds)} s`)
    return problems.map(problem => ({ name, queue, problem }))
  })
}

async function inspectInstance ({ tasks, address, listKeys }: PluginInstance): Promise<Inspection> {
  const [queues, workers, keys] = await Promise.all([tasks.counts(), tasks.workers(), listKeys(MAX_KEYS)])
  return { name: tasks.name, redis: address, queues, workers, keys }
}

function printAll ({ name, redis, queues, workers, keys }: Inspection, isOnly: boolean, isFirst: boolean): void {
  if (!isFirst) print('')
  printErr(isOnly ? redis : `${name}: ${redis}`)
  showQueues(queues)
  if (keys.length > 0) showKeys(keys)
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

function showKeys (keys: ListedKey[]): void {
  print('')
  printTable(['TASK', 'KEY', 'QUEUE', 'WAITING', 'STARTED', 'WHY', 'HELD BY'], keys.map(({ task, key, ...row }) => [
    oneLine(task), oneLine(key), row.queue, String(row.waiting), String(row.started), oneLine(row.why),
    oneLine(row.heldBy ?? '')
  ]))
}

const WORKER_TITLES = ['WORKER', 'HOST', 'PID', 'QUEUES', 'CONCURRENCY', 'ACTIVE', 'LAG', 'UP', 'SEEN', 'VERSION']

function showWorkers (workers: WorkerInfo[]): void {
  printTable(WORKER_TITLES, workers.map(worker => [
    oneLine(worker.id), oneLine(worker.host), String(worker.pid), oneLine(worker.queues.join(',')),
    String(worker.concurrency), `${worker.active}${worker.draining ? ' (draining)' : ''}`, `${worker.lag.max}ms`,
    ago(worker.startedAt), `${ago(worker.seenAt)} ago`, oneLine(worker.version)
  ]))
}
