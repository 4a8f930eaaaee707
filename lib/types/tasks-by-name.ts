/**
 * The types of tasks by name. Apps add to the interface `Tasks` by declaration merging.
 */

/**
 * Types of tasks by name, for `fastify.tasks.enqueue('name', …)` and for `define`. It is empty here. Apps merge into
 * it: `declare module 'fastify-tasks' { interface Tasks { mail: { data: { to: string }, result: void } } }`
 */
export interface Tasks {}

/** The names in `Tasks`; any string if it is empty. */
export type TaskName = [keyof Tasks] extends [never] ? string : Extract<keyof Tasks, string>
