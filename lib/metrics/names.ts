/**
 * The metrics: names, labels and buckets. They are public, and follow the package's version. docs/guides/monitoring.md
 * has the same table.
 */

export type FamilyName = keyof typeof FAMILIES

export interface FamilyInfo { type: 'counter' | 'gauge' | 'histogram', help: string, labels: readonly string[] }

const PREFIX = 'fastify_tasks_'

export const fullName = (name: FamilyName): string => PREFIX + name

const counter = (help: string, ...labels: string[]): FamilyInfo => ({ type: 'counter', help, labels })
const gauge = (help: string, ...labels: string[]): FamilyInfo => ({ type: 'gauge', help, labels })
const histogram = (help: string, ...labels: string[]): FamilyInfo => ({ type: 'histogram', help, labels })

export const FAMILIES = {
  enqueued_total: counter('Tasks that were stored', 'queue', 'task'),
  enqueue_failures_total: counter('Enqueues that were refused, by the code of their error', 'queue', 'code'),
  enqueue_duration_seconds: histogram('How long it took to store tasks', 'queue'),
  attempts_total: counter('Attempts that ended, each with one outcome', 'queue', 'task', 'outcome'),
  attempt_errors_total: counter('Attempts that failed, by the code of their error', 'queue', 'task', 'code'),
  attempt_duration_seconds: histogram('How long attempts ran', 'queue', 'task'),
  wait_seconds: histogram('How long tasks waited between the time they were due and their start', 'queue', 'task'),
  running: gauge('Tasks that run in this process', 'queue'),
  slots: gauge('Tasks that may run at once in this process', 'queue'),
  longest_running_seconds: gauge('How long the oldest running attempt of this process runs', 'queue', 'task'),
  queue_tasks: gauge('Tasks in Redis, by state', 'queue', 'state'),
  queue_oldest_waiting_seconds: gauge('How long the first waiting task has been due', 'queue'),
  queue_workers: gauge('Living workers, of all processes', 'queue'),
  queue_paused: gauge('Whether the queue is paused', 'queue'),
  schedule_next_timestamp_seconds: gauge('When the next tick of a schedule is due', 'schedule'),
  schedule_last_success_timestamp_seconds:
    gauge('When a task of a schedule last succeeded in this process', 'schedule'),
  up: gauge('Whether Redis answered the last time it was asked')
} satisfies Record<string, FamilyInfo>

export const BUCKETS = {
  enqueue: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  attempt: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
  wait: [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200]
}

/** What is counted under this label instead of a name that is not known here, or of one too many. */
export const OTHER = 'other'

/** Bounds of the number of series of a process. */
export const LIMITS = { queues: 100, tasks: 500, codes: 1_000, schedules: 200 }
