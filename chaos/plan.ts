/** How much of everything one run has, and the tasks that it enqueues: all of it follows from the seed. */
import { parseArgs } from 'node:util'
import { Random } from './random.ts'
import type { TaskName, Work } from './tasks.ts'
import type { EnqueueOptions } from '../lib/types.ts'

export interface Size {
  tasks: number
  poisonous: number
  workers: number
  /** For how long tasks are enqueued and faults made, in ms. */
  trouble: number
  /** How long everything may take to settle afterwards, in ms. */
  settleWithin: number
  /** The run is given up after this long, in ms. */
  limit: number
  sigkills: number
  sigterms: number
  freezes: number
  restarts: number
  /** Longest time that Redis is away, in ms. */
  away: number
  pauses: number
  /** Times that its memory is full: it refuses what adds. */
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
  trouble: 200_000,
  settleWithin: 40_000,
  limit: 295_000,
  sigkills: 75,
  sigterms: 40,
  freezes: 8,
  restarts: 12,
  away: 6_000,
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
  trouble: 20_000,
  settleWithin: 15_000,
  limit: 58_000,
  sigkills: 11,
  sigterms: 6,
  freezes: 1,
  restarts: 3,
  away: 1_500,
  pauses: 1,
  fills: 1,
  cuts: 6,
  lostReplies: 24,
  stalls: 3,
  slow: 3
}

export type Kind = 'immediate' | 'delayed' | 'retrying' | 'slow' | 'cancelled' | 'failing' | 'expiring' | 'fleeting' | 'poisonous'

/** One task to enqueue. */
export interface Order {
  kind: Kind
  name: TaskName
  data: Work
  options: EnqueueOptions
  /** Ms after the start. */
  at: number
  /** Cancel it this long after it was acknowledged, in ms. */
  cancelAfter?: number
  /** Orders of one burst go out in one enqueueMany. */
  burst?: number
  /** Wait for its outcome through its handle. */
  awaited: boolean
}

export interface Plan { seed: number, keep: boolean, size: Size, orders: Order[] }

export function makePlan (args: string[]): Plan {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } } })
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed takes a whole number, got "${values.seed}"`)
  const size = values.quick ? quick : full
  return { seed, keep: values.keep, size, orders: makeOrders(size, new Random(seed)) }
}

const shares: Array<[Kind, number]> = [
  ['immediate', 0.5], ['delayed', 0.15], ['retrying', 0.12], ['slow', 0.06], ['cancelled', 0.09], ['failing', 0.03], ['expiring', 0.03], ['fleeting', 0.02]
]

function kindOf (share: number): Kind {
  let sum = 0
  return shares.find(([, part]) => share < (sum += part))?.[0] ?? 'immediate'
}

function makeOrders ({ tasks, poisonous, trouble }: Size, random: Random): Order[] {
  const orders: Order[] = []
  for (let i = 0; i < poisonous; i++) orders.push(makeOrder('poisonous', (i + random.next()) / poisonous * trouble * 0.8, random))
  while (orders.length < tasks) addBurst(orders, Math.min(random.int(1, 30), tasks - orders.length), random.next() * trouble, random)
  orders.forEach((order, i) => { if (order.burst !== undefined || random.chance(0.5)) order.options.id = `chaos-${i}` })
  return orders.sort((a, b) => a.at - b.at)
}

/** Half of the bursts go out together, the others one by one. */
function addBurst (orders: Order[], count: number, at: number, random: Random): void {
  const burst = random.chance(0.5) ? orders.length : undefined
  for (let i = 0; i < count; i++) {
    const order = makeOrder(kindOf(random.next()), at, random)
    // One enqueueMany is of one name.
    if (burst !== undefined && order.name === 'work') order.burst = burst
    orders.push(order)
  }
}

function makeOrder (kind: Kind, at: number, random: Random): Order {
  const order: Order = { kind, name: random.chance(0.15) ? 'aside' : 'work', data: {}, options: {}, at: Math.round(at), awaited: random.chance(0.01) }
  details[kind](order, random)
  return order
}

const details: Record<Kind, (order: Order, random: Random) => void> = {
  immediate () {},
  delayed (order, random) { order.options.delay = random.int(20, 8_000) },
  retrying (order, random) {
    order.data.fails = random.int(1, 3)
    order.options.retries = order.data.fails + random.int(0, 2)
    order.options.backoff = random.pick([
      { strategy: 'immediate' }, { strategy: 'fixed', delay: random.int(50, 800) }, { strategy: 'exponential', delay: 100, jitter: true }
    ])
  },
  slow (order, random) {
    order.data.ms = random.int(300, 3_000)
    // Some do not look at their signal.
    order.data.deaf = random.chance(0.2)
  },
  cancelled (order, random) {
    const when = random.pick(['waiting', 'delayed', 'running'])
    order.cancelAfter = when === 'waiting' ? 0 : random.int(100, 2_000)
    if (when === 'delayed') order.options.delay = random.int(1_000, 8_000)
    if (when === 'running') order.data.ms = 4_000
  },
  failing (order) {
    order.data.fails = 1_000
    order.options.retries = 1
    order.options.backoff = { strategy: 'fixed', delay: 100 }
  },
  expiring (order, random) {
    order.options.expires = random.int(100, 3_000)
    if (random.chance(0.3)) order.options.delay = order.options.expires + random.int(-90, 500)
  },
  fleeting (order) { order.name = 'fleeting' },
  poisonous (order, random) { order.data.dies = random.pick(['exit', 'kill']) }
}
