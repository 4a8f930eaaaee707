/**
 * Which new tasks need more than a place behind the others.
 */
import type { Level } from './level.ts'

interface Job { lane?: string, level?: Level | undefined }

type Add<J extends Job> = (jobs: J[]) => Promise<boolean[]> | boolean[]

export const isPlain = ({ lane, level }: Job): boolean => lane === undefined && level === undefined

/** In one step, unless only some of the tasks have a limit or a level. For each: false if its id is taken. */
export async function addInParts<J extends Job> (jobs: J[], addPlain: Add<J>, addOthers: Add<J>): Promise<boolean[]> {
  const plain = jobs.filter(isPlain)
  if (plain.length === jobs.length) return await addPlain(jobs)
  const others = jobs.filter(job => !isPlain(job))
  const [ofPlain, ofOthers] = await Promise.all([addPlain(plain), addOthers(others)])
  return jobs.map(job => (isPlain(job) ? ofPlain : ofOthers).shift()!)
}

/** Stores tasks, and lets those enter together that have no lane and are not delayed. */
export function addTogether<J extends Job> (
  jobs: J[], add: (job: J, entering: string[]) => boolean, enter: (ids: string[]) => void
): boolean[] {
  const entering: string[] = []
  const added = jobs.map(job => add(job, entering))
  enter(entering)
  return added
}
