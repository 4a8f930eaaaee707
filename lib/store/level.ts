/**
 * The level of a task that is not a normal one. High tasks are claimed before normal ones, low tasks after them.
 */
export type Level = 'high' | 'low'
