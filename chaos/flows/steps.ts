/**
 * Kills this process at a step that has a name: right before it is sent to Redis, or right after its reply. The steps
 * are those of the table in decision 0070, and those of the sweep.
 */
import { RedisFlows } from '../../lib/store/redis/flows.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { FlowCommand } from '../../lib/store/flow-contract.ts'

export const WORKER_STEPS = [
  'settle', 'tell', 'read joins', 'read nodes', 'look whether they are open', 'start', 'start done', 'read open',
  'cancel', 'keep', 'forget', 'take due', 'look at members', 'add'
] as const
export const PRODUCER_STEPS = [
  'begin', 'write', 'seal', 'start', 'start done', 'cancel flow', 'reopen', 'rewrite'
] as const
export type Step = typeof WORKER_STEPS[number] | typeof PRODUCER_STEPS[number]

export interface Death { step: Step, when: 'before' | 'after', count: number }

/** The last of these that the commands have names the step. */
const BY_COMMAND: Partial<Record<FlowCommand['name'], Step>> = {
  end: 'tell', done: 'start done', seal: 'seal', forget: 'forget', cancel: 'cancel flow', reopen: 'reopen', add: 'add'
}

const stepOf = (commands: FlowCommand[]): Step | undefined =>
  commands.map(({ name }) => BY_COMMAND[name]).filter(Boolean).at(-1)

/** @param die called at the step */
export function dieAt ({ step, when, count }: Death, die: () => void): void {
  let left = count
  const around = async <T>(name: Step | undefined, send: () => Promise<T>): Promise<T> => {
    const isIt = name === step && --left === 0
    if (isIt && when === 'before') die()
    const reply = await send()
    if (isIt) die()
    return reply
  }
  wrap(RedisQueue.prototype, 'settle', () => 'settle', around)
  wrap(RedisQueue.prototype, 'addMany', () => 'start', around)
  wrap(RedisQueue.prototype, 'cancel', () => 'cancel', around)
  const flows = RedisFlows.prototype
  let reopening = false
  wrap(flows, 'begin', () => 'begin', around)
  wrap(flows, 'write', () => reopening ? 'rewrite' : 'write', around)
  wrap(flows, 'step', (_id, commands) => {
    reopening = stepOf(commands) === 'reopen'
    return stepOf(commands)
  }, around)
  wrap(flows, 'readMany', (_id, part) => part === 'joins' ? 'read joins' : 'read nodes', around)
  wrap(flows, 'areOpen', () => 'look whether they are open', around)
  wrap(flows, 'pageOfNodes', () => 'read open', around)
  wrap(flows, 'keepMembers', () => 'keep', around)
  wrap(flows, 'takeDue', () => 'take due', around)
  wrap(flows, 'memberStates', () => 'look at members', around)
}

function wrap (
  prototype: any, method: string, nameOf: (...args: any[]) => Step | undefined,
  around: (name: Step | undefined, send: () => Promise<unknown>) => Promise<unknown>
): void {
  const original = prototype[method]
  prototype[method] = function (...args: unknown[]) {
    return around(nameOf(...args), () => original.apply(this, args))
  }
}
