/**
 * A task as `define` made it.
 */
import type { FastifyInstance } from 'fastify'
import type { CompiledSchemas } from './schemas.ts'
import type { DefineOptions, TaskHandler } from '../types.ts'

export interface Definition {
  readonly name: string
  readonly queue: string
  readonly options: DefineOptions
  /** Null if its handler is a thread's file, or if this process only enqueues it. */
  readonly handler: TaskHandler | null
  /** The path of the file whose default export runs in a thread. */
  readonly threadFile: string | null
  /** Whether a worker of this process can run it. */
  readonly hasHandler: boolean
  /** The handler's `this`. */
  readonly instance: FastifyInstance
  /** Compiled at the first call. */
  readonly schemas: () => CompiledSchemas
}

/**
 * The queues that a worker here can serve: those of tasks with a handler, and the open ones, to which any task may be
 * enqueued. Empty if no task has a handler.
 */
export function servedQueues (definitions: Iterable<Pick<Definition, 'queue' | 'hasHandler'>>, open: readonly string[]): string[] {
  const queues = [...definitions].filter(({ hasHandler }) => hasHandler).map(({ queue }) => queue)
  return queues.length === 0 ? [] : [...new Set([...queues, ...open])]
}

/** All tasks by name and queue, for an error that says what is defined. */
export function listDefinitions (definitions: Iterable<Pick<Definition, 'name' | 'queue' | 'hasHandler'>>): string {
  const described = Array.from(definitions, ({ name, queue, hasHandler }) =>
    `${name} (queue ${queue}${hasHandler ? '' : ', no handler'})`)
  return described.join(', ') || 'none'
}
