/**
 * The public types. Nothing here runs.
 *
 * Only `export *` lets an app's `declare module 'fastify-tasks' { interface Tasks { … } }` merge into the interface: a
 * list of names would not.
 */
export type * from './types/record.ts'
export type * from './types/options.ts'
export type * from './types/define.ts'
export type * from './types/listing.ts'
export type * from './types/limits.ts'
export type * from './types/unique.ts'
export type * from './types/task.ts'
export type * from './types/hooks.ts'
export type * from './types/schedule.ts'
export type * from './types/flow.ts'
export type * from './types/worker.ts'
export type * from './types/dashboard.ts'
export type * from './types/telemetry.ts'
export type * from './types/history.ts'
export type * from './types/operations.ts'
export type * from './types/tasks-by-name.ts'
export type * from './types/fastify.ts'
export type { Serialized } from './types/inference.ts'
