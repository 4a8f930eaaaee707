/**
 * A queue of either store for the random programs: it notes which methods are called, and hears the messages.
 */
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import { connect, latch, randomPrefix, type Latch } from './helpers.ts'
import { RedisSchedulePlaces } from '../../lib/store/redis/schedules.ts'
import type { ConsumerQueue, ProducerQueue, Queue } from '../../lib/store/contract.ts'
import type { QueueFlows } from '../../lib/store/flow-contract.ts'
import type { QueueMany } from '../../lib/store/many-contract.ts'
import type { QueueSchedules, SchedulePlaces } from '../../lib/store/schedule-contract.ts'

/** Everything that a queue must have. The compiler refuses a list that is not complete. */
export const members = [...Object.keys({
  name: true,
  add: true,
  addMany: true,
  readTask: true,
  readTasks: true,
  cancel: true,
  retry: true,
  remove: true,
  reschedule: true,
  purge: true,
  pageOf: true,
  counts: true,
  measure: true,
  pause: true,
  resume: true,
  workers: true,
  watch: true,
  changeChannel: true,
  close: true,
  claim: true,
  claimNext: true,
  cancelWait: true,
  settle: true,
  settleAndClaim: true,
  renew: true,
  checkClaims: true,
  release: true,
  updateProgress: true,
  heartbeat: true,
  cancelChannel: true
} satisfies Record<keyof ProducerQueue | keyof ConsumerQueue, true>), ...Object.keys({
  retry: true, cancel: true, remove: true
} satisfies Record<keyof QueueMany, true>).map(member => `many.${member}`)]

/** Everything that schedules must have, likewise. */
export const scheduleMembers = [
  ...Object.keys({
    set: true, change: true, read: true, runsIn: true, tick: true
  } satisfies Record<keyof QueueSchedules, true>).map(member => `schedules.${member}`),
  ...Object.keys({
    place: true, settle: true, forget: true, find: true, page: true
  } satisfies Record<keyof SchedulePlaces, true>).map(member => `places.${member}`)
]

/** Everything that flows must have, likewise. */
export const flowMembers = Object.keys({
  begin: true,
  write: true,
  step: true,
  read: true,
  readMany: true,
  page: true,
  pageOfNodes: true,
  areOpen: true,
  takeDue: true,
  list: true,
  memberStates: true,
  keepMembers: true
} satisfies Record<keyof QueueFlows, true>).map(member => `flows.${member}`)

/** Two times are equal if they differ by less than half of this, in ms: a program takes long on a busy machine. */
const RESOLUTION = 400_000

export interface QueueUnderTest {
  readonly queue: Queue
  /** The same queue over another connection: a wait blocks it. */
  readonly waitingQueue: Queue
  /** The schedules of this queue, and of another one. */
  readonly schedules: { here: QueueSchedules, there: QueueSchedules }
  readonly places: SchedulePlaces
  readonly flows: QueueFlows
  readonly many: QueueMany
  /** The time on the store's clock when the program began. */
  readonly start: number
  /** A time as its distance from the start, rounded. */
  about (time: number | undefined): number | undefined
  /** Hears the messages of a channel from now on. */
  listen (channel: string, label: string): Promise<void>
  /** Everything that was heard so far, in order. */
  messages (): Promise<string[]>
  close (): Promise<void>
}

/** A queue, or a part of it, noting in `used` which members were used. */
function noting<T extends object> (whole: T, used: Set<string>, part = ''): T {
  return new Proxy(whole, {
    get (target, member) {
      used.add(`${part}${String(member)}`)
      const value: unknown = Reflect.get(target, member)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}

const schedulesOf = (other: Queue, queue: Queue, used: Set<string>): QueueUnderTest['schedules'] => ({
  here: noting(queue.schedules, used, 'schedules.'), there: noting(other.schedules, used, 'schedules.')
})

const about = (start: number) => (time: number | undefined): number | undefined =>
  time === undefined ? undefined : Math.round((time - start) / RESOLUTION) * RESOLUTION

export async function memoryQueueUnderTest (used: Set<string>): Promise<QueueUnderTest> {
  const store = new MemoryStore()
  const queue = noting(store.queue('q'), used)
  const heard: string[] = []
  const channels = new Set<string>()
  return {
    queue,
    waitingQueue: queue,
    schedules: schedulesOf(store.queue('q2'), queue, used),
    places: noting(store.schedulePlaces, used, 'places.'),
    flows: noting(queue.flows, used, 'flows.'),
    many: noting(queue.many, used, 'many.'),
    start: store.now(),
    about: about(store.now()),
    async listen (channel, label) {
      if (!channels.has(channel)) await store.pubSub.listen(channel, message => { heard.push(`${label} ${message}`) })
      channels.add(channel)
    },
    messages: async () => heard,
    close: () => queue.close()
  }
}

/** The connections that all programs share. */
export interface Connections { commands: Redis, waits: Redis, messages: Redis }

export const connections = (t: Test): Connections => ({ commands: connect(t), waits: connect(t), messages: connect(t) })

export async function redisQueueUnderTest (
  { commands, waits, messages }: Connections, used: Set<string>
): Promise<QueueUnderTest> {
  const prefix = randomPrefix()
  const real = new RedisQueue(commands, 'q', prefix)
  const queue = noting(real, used)
  const [seconds] = await commands.time()
  const start = Number(seconds) * 1_000
  const heard: string[] = []
  const labels = new Map<string, string>()
  /** A message on this channel shows that all messages before it were heard. */
  const end = `${prefix}:end`
  let reached: Latch = latch()
  const onMessage = (channel: string, message: string): void => {
    if (channel === end) reached.open()
    else if (labels.has(channel)) heard.push(`${labels.get(channel)} ${message}`)
  }
  messages.on('message', onMessage)
  await messages.subscribe(end)
  return {
    queue,
    waitingQueue: noting(real.overClient(waits), used),
    schedules: schedulesOf(new RedisQueue(commands, 'q2', prefix), real, used),
    places: noting(new RedisSchedulePlaces(commands, prefix), used, 'places.'),
    flows: noting(real.flows, used, 'flows.'),
    many: noting(real.many, used, 'many.'),
    start,
    about: about(start),
    async listen (channel, label) {
      labels.set(channel, label)
      await messages.subscribe(channel)
    },
    async messages () {
      reached = latch()
      await commands.publish(end, '')
      await reached.promise
      return heard
    },
    async close () {
      messages.off('message', onMessage)
      await messages.unsubscribe(end, ...labels.keys())
      await queue.close()
    }
  }
}

const shown = (value: unknown): string => JSON.stringify(value)?.replace(/(.)\1{99,}/g, '$1…') ?? 'nothing'

/** Does the same with both queues, and fails if the results differ. */
export async function compare (
  what: string, sides: QueueUnderTest[], run: (side: QueueUnderTest) => Promise<unknown>
): Promise<void> {
  const [redis, memory] = [await run(sides[0]!), await run(sides[1]!)].map(shown)
  if (redis !== memory) throw new Error(`${what}\n  Redis:  ${redis}\n  memory: ${memory}`)
}
