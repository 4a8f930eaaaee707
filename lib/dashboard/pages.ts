/**
 * The pages, by their path below the prefix.
 */
import { flows } from './pages/flows.ts'
import { names } from './pages/names.ts'
import { overview } from './pages/overview.ts'
import { queue, queues } from './pages/queues.ts'
import { schedules } from './pages/schedules.ts'
import { task } from './pages/task.ts'
import { tasks } from './pages/tasks.ts'
import { workers } from './pages/workers.ts'
import type { MakePage } from './context.ts'

export const pages: Record<string, MakePage> = {
  '/': overview,
  '/queues': queues,
  '/queues/:queue': queue,
  '/tasks': tasks,
  '/tasks/:id': task,
  '/workers': workers,
  '/names': names,
  '/schedules': schedules,
  '/flows': flows
}
