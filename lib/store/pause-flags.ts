/**
 * What is paused in a queue, as a store keeps it: "" for the whole queue, "n:" and a name for the tasks of one name.
 */

export const pauseFlag = (name: string | null): string => name === null ? '' : `n:${name}`

/** What is paused, for people. */
export function pauseOf (flags: Iterable<string>): { paused: boolean, pausedTasks: string[] } {
  const all = [...flags]
  return { paused: all.includes(''), pausedTasks: all.filter(flag => flag !== '').map(flag => flag.slice(2)).sort() }
}
