/**
 * Layer 0: what a program that boots an app needs of the plugin inside it, wherever in the app that was registered.
 */
import type { FastifyInstance } from 'fastify'
import type { FastifyTasks } from '../types.ts'

export interface AppRegistry {
  /** A worker runs the app: no embedded one starts beside it. */
  standalone: boolean
  /** Asked where Redis is by an app that names none. Undefined: at the usual place. */
  redis?: () => Promise<string | undefined>
  /** All that were registered, in order, with where their Redis is. */
  readonly instances: Array<{
    tasks: FastifyTasks
    inMemory: boolean
    address: string
    queues: readonly string[]
    definitions: ReadonlyMap<string, { name: string, queue: string, hasHandler: boolean }>
    /** What a record does not show, for those who may look into Redis. An older copy lacks it. */
    readTask?: (id: string) => Promise<{ data: unknown, stack: string | null } | null>
  }>
}

// By the global registry of symbols: the program may have another copy of this package than the app.
const REGISTRY = Symbol.for('fastify-tasks.host')

/** The host of an app. All scopes of one app share its server. */
export function appRegistry (fastify: FastifyInstance): AppRegistry {
  const server = fastify.server as unknown as { [REGISTRY]?: AppRegistry }
  server[REGISTRY] ??= { standalone: false, instances: [] }
  return server[REGISTRY]
}
