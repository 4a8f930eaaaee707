/**
 * Options of `fastify-tasks/dashboard`.
 */
import type { FastifyRequest, onRequestHookHandler } from 'fastify'

/** Look at the data of tasks (as far as `redact` and `expose` let it be seen), and what may be done. */
export type DashboardRight = 'data' | 'retry' | 'cancel' | 'remove' | 'purge' | 'pause' | 'trigger'

/** `read`: look, without data. `operate`: everything. An object: look, and what it names. Anything else: nothing. */
export type DashboardAccess = false | 'read' | 'operate' | { [Right in DashboardRight]?: boolean }

/** A task whose data may be shown. */
export interface TaskToRedact {
  id: string
  name: string
  queue: string
  data: unknown
}

/** Options of the page: `register(dashboard, options)`. */
export interface DashboardOptions {
  /**
   * Who may look, and who may do what: asked on the server for each page and each action. `anyone-may-read` and
   * `anyone-may-operate` open the page to whoever reaches it.
   */
  access: 'anyone-may-read' | 'anyone-may-operate' |
    ((request: FastifyRequest) => DashboardAccess | Promise<DashboardAccess>)
  /** The `name` of the plugin instance whose tasks are shown. Default `tasks`. */
  instance?: string
  /** Hooks before everything else: a login. Default: none. */
  onRequest?: onRequestHookHandler | onRequestHookHandler[]
  /** Returns what is shown of the data of a task; undefined: nothing. Default: what the task exposes. */
  redact?: (task: TaskToRedact) => unknown
  /** Returns who acts, for the log. If it throws, nothing is done. Default: nobody is named. */
  user?: (request: FastifyRequest) => string | undefined | Promise<string | undefined>
  /** The address of a trace, with `{traceId}` in it. Default: no link. */
  traceUrl?: string
  /** What stands at the top. Default `Tasks`. */
  title?: string
  /** Origins from which forms are accepted beside the page's own: for a proxy that changes `Host`. Default: none. */
  trustedOrigins?: string[]
}
