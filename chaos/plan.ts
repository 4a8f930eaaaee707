/** The size of a run, and the tasks that it enqueues. The same seed gives the same tasks. */
import { parseArgs } from 'node:util'
import { Random } from './random.ts'
import type { TaskName, Work } from './tasks.ts'
import type { EnqueueOptions } from '../lib/types.ts'

export interface Size {
  tasks: number
  poisonous: number
  workers: number
  /** Ms in which tasks are enqueued and faults injected. */
  duration: number
  /** Tasks that have not finished are stuck if none of them has in so many ms afterwards. */
  settleWithin: number
  /** Ms after which the run is aborted. */
  limit: number
  sigkills: number
  sigterms: number
  freezes: number
  restarts: number
  /** The longest downtime of Redis at a restart, in ms. */
  maxDowntime: number
  pauses: number
  /** How often Redis' memory is full, so that it refuses writes. */
  fills: number
  cuts: number
  lostReplies: number
  stalls: number
  slow: number
}

const full: Size = {
  tasks: 20_000,
  poisonous: 12,
  workers: 4,
  duration: 200_000,
  settleWithin: 40_000,
  limit: 540_000,
  sigkills: 75,
  sigterms: 40,
  freezes: 8,
  restarts: 12,
  maxDowntime: 6_000,
  pauses: 4,
  fills: 6,
  cuts: 60,
  lostReplies: 160,
  stalls: 25,
  slow: 15
}

const quick: Size = {
  tasks: 1_500,
  poisonous: 2,
  workers: 3,
  duration: 20_000,
  settleWithin: 40_000,
  limit: 150_000,
  sigkills: 11,
  sigterms: 6,
  freezes: 1,
  restarts: 3,
  maxDowntime: 1_500,
  pauses: 1,
  fills: 1,
  cuts: 6,
  lostReplies: 24,
  stalls: 3,
  slow: 3
}

export type Kind =
  'immediate' | 'delayed' | 'retrying' | 'slow' | 'cancelled' | 'failing' | 'expiring' | 'short-lived' | 'poisonous'

/** One task to enqueue. */
export interface PlannedTask {
  kind: Kind
  name: TaskName
  data: Work
  options: EnqueueOptions
  /** When to enqueue it, in ms after the start. */
  at: number
  /** When to cancel it, in ms after it was acknowledged. */
  cancelAfter?: number
  /** Tasks with the same number are enqueued by one enqueueMany. */
  burst?: number
  /** Whether to wait for its outcome through its handle. */
  awaited: boolean
}

export interface Plan { seed: number, keep: boolean, size: Size, plannedTasks: PlannedTask[] }

export function makePlan (args: string[]): Plan {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' }
    }
  })
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed takes a whole number, got "${values.seed}"`)
  const size = values.quick ? quick : full
  return { seed, keep: values.keep, size, plannedTasks: planTasks(size, new Random(seed)) }
}

const shares: Array<[Kind, number]> = [
  ['immediate', 0.5],
  ['delayed', 0.15],
  ['retrying', 0.12],
  ['slow', 0.06],
  ['cancelled', 0.09],
  ['failing', 0.03],
  ['expiring', 0.03],
  ['short-lived', 0.02]
]

/** @param value from 0 to below 1 */
function kindOf (value: number): Kind {
  let sum = 0
  return shares.find(([, share]) => value < (sum += share))?.[0] ?? 'immediate'
}

function planTasks ({ tasks, poisonous, duration }: Size, random: Random): PlannedTask[] {
  const plannedTasks: PlannedTask[] = []
  for (let i = 0; i < poisonous; i++) {
    plannedTasks.push(planTask('poisonous', (i + random.next()) / poisonous * duration * 0.8, random))
  }
  while (plannedTasks.length < tasks) {
    const count = Math.min(random.int(1, 30), tasks - plannedTasks.length)
    addBurst(plannedTasks, count, random.next() * duration, random)
  }
  plannedTasks.forEach((planned, i) => {
    if (planned.burst !== undefined || random.chance(0.5)) planned.options.id = `chaos-${i}`
  })
  return plannedTasks.sort((a, b) => a.at - b.at)
}

/** Half of the bursts are enqueued by enqueueMany, the others by one enqueue for each task. */
function addBurst (plannedTasks: PlannedTask[], count: number, at: number, random: Random): void {
  const burst = random.chance(0.5) ? plannedTasks.length : undefined
  for (let i = 0; i < count; i++) {
    const planned = planTask(kindOf(random.next()), at, random)
    // An enqueueMany takes tasks of one name.
    if (burst !== undefined && planned.name === 'work') planned.burst = burst
    plannedTasks.push(planned)
  }
}

function planTask (kind: Kind, at: number, random: Random): PlannedTask {
  const planned: PlannedTask = {
    kind,
    name: random.chance(0.15) ? 'side-work' : 'work',
    data: {},
    options: {},
    at: Math.round(at),
    awaited: random.chance(0.01)
  }
  details[kind](planned, random)
  return planned
}

const details: Record<Kind, (planned: PlannedTask, random: Random) => void> = {
  immediate () {},
  delayed (planned, random) { planned.options.delay = random.int(20, 8_000) },
  retrying (planned, random) {
    planned.data.fails = random.int(1, 3)
    planned.options.retries = planned.data.fails + random.int(0, 2)
    planned.options.backoff = random.pick([
      { strategy: 'immediate' },
      { strategy: 'fixed', delay: random.int(50, 800) },
      { strategy: 'exponential', delay: 100, jitter: true }
    ])
  },
  slow (planned, random) {
    planned.data.ms = random.int(300, 3_000)
    planned.data.ignoresAbort = random.chance(0.2)
  },
  cancelled (planned, random) {
    const when = random.pick(['waiting', 'delayed', 'running'])
    planned.cancelAfter = when === 'waiting' ? 0 : random.int(100, 2_000)
    if (when === 'delayed') planned.options.delay = random.int(1_000, 8_000)
    if (when === 'running') planned.data.ms = 4_000
  },
  failing (planned) {
    planned.data.fails = 1_000
    planned.options.retries = 1
    planned.options.backoff = { strategy: 'fixed', delay: 100 }
  },
  expiring (planned, random) {
    planned.options.expires = random.int(100, 3_000)
    if (random.chance(0.3)) planned.options.delay = planned.options.expires + random.int(-90, 500)
  },
  'short-lived' (planned) { planned.name = 'short-lived' },
  poisonous (planned, random) { planned.data.crash = random.pick(['exit', 'kill']) }
}
