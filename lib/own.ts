/**
 * Reads objects by keys that anybody may have chosen.
 */

/** The value of a key, if the object itself has it: each object has `constructor` and others from Node. */
export const ownOf = <Value>(values: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.hasOwn(values, key) ? values[key] : undefined
