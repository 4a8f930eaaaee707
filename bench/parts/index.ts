/** The parts of the bench, in their order. */
import { backlog } from './backlog.ts'
import { delayed } from './delayed.ts'
import { enqueue } from './enqueue.ts'
import { flows } from './flows.ts'
import { http } from './http.ts'
import { latency } from './latency.ts'
import { limits } from './limits.ts'
import { memory } from './memory.ts'
import { metrics } from './metrics.ts'
import { network } from './network.ts'
import { operations } from './operations.ts'
import { page } from './page.ts'
import { processed } from './processed.ts'
import { workers } from './workers.ts'
import type { Part } from '../context.ts'

export const parts = {
  processed,
  metrics,
  enqueue,
  latency,
  memory,
  workers,
  backlog,
  delayed,
  flows,
  limits,
  operations,
  page,
  network,
  http
} satisfies Record<string, Part>

export type PartName = keyof typeof parts
