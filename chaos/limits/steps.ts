/** The steps at which a worker is killed: the calls that move tasks with a limit. */
import { RedisLanes } from '../../lib/store/redis/lanes.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { RedisUpkeep } from '../../lib/store/redis/upkeep.ts'

export const STEPS = [
  'claim', 'claimNext', 'settle', 'release', 'queueDue', 'admit', 'take-turns', 'sweep', 'lanes-due', 'sweep-lane',
  'start'
] as const
export type Step = typeof STEPS[number]

export interface Death { step: Step, when: 'before' | 'after', count: number }

export const DEATHS: Array<Omit<Death, 'count'>> =
  STEPS.flatMap(step => (['before', 'after'] as const).map(when => ({ step, when })))
export const deathName = ({ step, when }: Omit<Death, 'count'>): string => `${when} ${step}`

/** @param die called at the step */
export function dieAt ({ step, when, count }: Death, die: () => void): void {
  let left = count
  const around = async (name: string, send: () => Promise<unknown>): Promise<unknown> => {
    const isIt = name === step && --left === 0
    if (isIt && when === 'before') die()
    const reply = await send()
    if (isIt) die()
    return reply
  }
  const wrap = (prototype: any, method: string, nameOf: (...args: any[]) => string): void => {
    const original = prototype[method]
    prototype[method] = function (...args: unknown[]) {
      return around(nameOf(...args), () => original.apply(this, args))
    }
  }
  for (const method of ['claim', 'claimNext', 'release']) wrap(RedisQueue.prototype, method, () => method)
  for (const method of ['queueDue', 'sweep']) wrap(RedisUpkeep.prototype, method, () => method)
  wrap(RedisLanes.prototype, 'run', script => script)
}
