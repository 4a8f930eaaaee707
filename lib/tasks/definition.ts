/**
 * A task as `define` made it.
 */
import type { FastifyInstance } from 'fastify'
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { compileSchemas, type CompiledSchemas } from './schemas.ts'
import { defaults } from '../options.ts'
import { findThreadFile } from './thread-file.ts'
import type { AppHooks } from '../hooks/app-hooks.ts'
import type { HookLists } from '../hooks/hook-lists.ts'
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
  /** Null if it has none. */
  readonly hooks: () => HookLists | null
}

/**
 * @param options checked already
 * @throws FST_TASKS_HANDLER_INVALID, FST_TASKS_THREAD_NOT_FOUND, FST_TASKS_OPTION_CLASH, FST_TASKS_SCHEMA_INVALID,
 * FST_ERR_HOOK_INVALID_ASYNC_HANDLER
 */
export function makeDefinition (
  instance: FastifyInstance, name: string, options: DefineOptions, handler: TaskHandler | undefined, hooks: AppHooks
): Definition {
  if (handler !== undefined && typeof handler !== 'function') {
    throw new errors.HandlerInvalid(name, describeValue(handler))
  }
  const threadFile = options.thread === undefined ? null : findThreadFile(name, options.thread)
  if (threadFile !== null && handler) {
    const fix = `The file of task "${name}" has the handler: leave one of them out`
    throw new errors.OptionClash('thread', 'handler', fix)
  }
  return {
    name,
    queue: options.queue ?? defaults.queue,
    options,
    handler: handler ?? null,
    threadFile,
    hasHandler: (handler ?? threadFile) !== null,
    instance,
    schemas: compileOnce(instance, name, options),
    hooks: hooks.of(instance, options)
  }
}

const NO_SCHEMAS: CompiledSchemas = {}

/** Schemas are compiled when the app is ready, or when they are first needed. An app that has started compiles now. */
function compileOnce (instance: FastifyInstance, name: string, { schema }: DefineOptions): () => CompiledSchemas {
  if (!schema) return () => NO_SCHEMAS
  let compiled: CompiledSchemas | undefined
  const compile = (): CompiledSchemas => (compiled ??= compileSchemas(instance, name, schema))
  try {
    instance.addHook('onReady', async () => { compile() })
  } catch {
    compile() // addHook throws if the app has started
  }
  return compile
}

/**
 * The queues that a worker of this process can serve: those of the tasks with a handler, and the `open` queues, to
 * which any task may be enqueued. Empty if no task has a handler.
 */
export function servedQueues (
  definitions: Iterable<Pick<Definition, 'queue' | 'hasHandler'>>, open: readonly string[]
): string[] {
  const queues = [...definitions].filter(({ hasHandler }) => hasHandler).map(({ queue }) => queue)
  return queues.length === 0 ? [] : [...new Set([...queues, ...open])]
}

/** All tasks by name and queue, for an error that says what is defined. */
export function listDefinitions (definitions: Iterable<Pick<Definition, 'name' | 'queue' | 'hasHandler'>>): string {
  const described = Array.from(definitions, ({ name, queue, hasHandler }) =>
    `${name} (queue ${queue}${hasHandler ? '' : ', no handler'})`)
  return described.join(', ') || 'none'
}
