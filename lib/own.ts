/**
 * Looks at objects and arrays that anybody may have made.
 */

/** The value of a key, if the object itself has it: each object has `constructor` and others from Node. */
export const ownOf = <Value>(values: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.hasOwn(values, key) ? values[key] : undefined

/** Whether it is an array without holes: `every` passes over them, and JSON writes null. */
export const isFullArray = (value: unknown): value is unknown[] => Array.isArray(value) && !value.includes(undefined)
