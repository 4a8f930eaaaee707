/**
 * Random programs for schedules: calls of every method, in any order, with hostile arguments, beside calls that begin
 * and end the tasks of ticks. A planned time has passed long ago, or is far away: the clocks of two stores differ.
 */
import fc from 'fast-check'
import { call, calls as queueCalls, observe as observeQueue, text, type Call } from './queue-programs.ts'
import type { QueueUnderTest } from './queue-under-test.ts'
import type {
  PassedTicks, ScheduleChange, ScheduleState, StoredSchedule, Tick
} from '../../lib/store/schedule-contract.ts'

const LONG = 3_600_000

const IDS = ['s', 't', '{q}:ticks', '__proto__', 'ünï 😀 "\'\\', '%s * -inf']
/** Ids of the queue's programs, so that what is seen of the queue has the tasks of ticks. */
const TASKS = ['a', 'b', 'c', '__proto__', '%s * -inf']
const SPECS = ['{}', '{"timing":{"every":1000}}', '', 'no json', 'x'.repeat(5_000)]
const QUEUES = ['q', 'q2', 'q3']

/** Ms from the start of the program. */
const TIMES = [-3 * LONG, -2 * LONG, -LONG, LONG, 2 * LONG]

type Where = 'here' | 'there'
type At = typeof TIMES[number] | null

/** A time of the program on the store's clock. */
const on = (side: QueueUnderTest, time: At): { planned: number, due: number } | null =>
  time === null ? null : { planned: side.start + time, due: side.start + time + 5 }

const expectedOf = (stored: StoredSchedule | undefined, right: boolean): number | null =>
  right ? stored?.state.next ?? null : 7

const generationOf = (stored: StoredSchedule | undefined, right: boolean): number =>
  (stored?.state.generation ?? 0) + (right ? 0 : 1)

/** Far enough apart for one order on two clocks. */
const wait = (id: string): number => LONG + 800_000 * TASKS.indexOf(id)

const passed = (side: QueueUnderTest, every: number | null): PassedTicks =>
  ({ count: 2, last: side.start - LONG, every })

async function read (side: QueueUnderTest, where: Where, id: string): Promise<StoredSchedule | undefined> {
  return (await side.schedules[where].read([id])).schedules[0]
}

interface SetInput {
  where: Where
  id: string
  epoch: number
  hash: string
  declared: boolean
  next: At
  grace: number
  max: number | null
  /** Whether it expects the tick that is planned. */
  right: boolean
  /** Whether it expects another generation. */
  changed: boolean
  /** The interval of the planned times that have passed. */
  every: number | null
  onlyNew: boolean
}

interface TickInput {
  where: Where
  id: string
  mode: Tick['mode']
  right: boolean
  fires: boolean
  missed: number
  next: At
  task: string
  large: boolean
  delayed: boolean
  overlap: Tick['overlap']
  elsewhere: boolean
}

async function tick (side: QueueUnderTest, input: TickInput): Promise<unknown> {
  const { where, id, mode, right, fires, missed, next, task, overlap } = input
  const stored = await read(side, where, id)
  const planned = mode === 'held' ? stored?.state.held : stored?.state.next
  const expected = right && planned !== undefined ? planned : side.start - 9 * LONG
  return side.schedules[where].tick({
    id,
    generation: generationOf(stored, right),
    mode,
    expected,
    fire: fires || mode === 'held' ? expected : null,
    missed,
    mark: expected,
    next: on(side, next),
    taskId: task,
    text: text(input.large ? task.padEnd(5_000, '.') : task),
    delay: input.delayed ? side.start + wait(input.task) : null,
    overlap,
    runsElsewhere: input.elsewhere
  })
}

/** The state as others see it: times rounded. */
function seen (side: QueueUnderTest, state: ScheduleState): unknown {
  const times = Object.fromEntries((['generation', 'seen', 'next', 'mark', 'last', 'held'] as const)
    .map(key => [key, side.about(state[key])]))
  const { epoch, hash, declared, grace, paused, moved, orphan, task, taskQueue, heldMissed, outcome } = state
  const { fired, skipped, missed, max } = state
  const rest = { hash, declared, grace, paused, moved, orphan, task, taskQueue, heldMissed, outcome }
  return { ...times, epoch, ...rest, fired, skipped, missed, max }
}

const seenJson = (side: QueueUnderTest, json: string | null): unknown =>
  json === null || json === 'passed' ? json : seen(side, JSON.parse(json))

export const calls = {
  set: call('set', async (side, input: SetInput) => {
    const { where, id, next, max, right, every, changed, ...rest } = input
    const stored = await read(side, where, id)
    const expected = expectedOf(stored, right)
    const generation = generationOf(stored, !changed)
    const moved = { brought: null, taskQueue: null }
    const spec = SPECS[rest.epoch % SPECS.length]!
    const planned = { next: on(side, next), expected, generation, passed: passed(side, every), maxRuns: max, spec }
    return side.schedules[where].set({ id, ...rest, ...planned, ...moved })
  }),

  /** Leaves one queue, and is set in the other with what it brings. */
  move: call('move', async (side, { id, epoch, to, next, same, sets }: {
    id: string, epoch: number, to: Where, next: At, same: boolean, sets: boolean
  }) => {
    const from = side.schedules[to === 'here' ? 'there' : 'here']
    const brought = await from.change(id, { action: 'leave', epoch })
    if (!sets) return seenJson(side, brought)
    const state: Partial<ScheduleState> = brought ? JSON.parse(brought) : {}
    const planned = same && state.next !== undefined ? { planned: state.next, due: state.next } : on(side, next)
    const reply = await side.schedules[to].set({
      id,
      epoch,
      hash: 'h1',
      declared: state.declared ?? false,
      spec: '{}',
      next: planned,
      expected: null,
      generation: 0,
      passed: same ? null : passed(side, null),
      maxRuns: 2,
      grace: LONG,
      brought,
      taskQueue: same ? 'q3' : null,
      onlyNew: false
    })
    return [seenJson(side, brought), reply]
  }),

  change: call('change', async (side, { where, id, action, right, epoch, next, every, changed }: {
    where: Where,
    id: string,
    action: 'pause' | 'resume' | 'see' | 'leave' | 'remove',
    right: boolean,
    epoch: number,
    next: At,
    every: number | null,
    changed: boolean
  }) => {
    const stored = await read(side, where, id)
    const hash = right ? stored?.state.hash ?? '' : 'another'
    const expected = expectedOf(stored, right)
    const pause = { expected, generation: generationOf(stored, !changed), passed: passed(side, every) }
    const changes: Record<typeof action, ScheduleChange> = {
      pause: { action: 'pause', ...pause },
      resume: { action: 'resume', next: on(side, next), generation: generationOf(stored, right) },
      see: { action: 'see', hash },
      leave: { action: 'leave', epoch },
      remove: { action: 'remove', epoch }
    }
    return seenJson(side, await side.schedules[where].change(id, changes[action]))
  }),

  read: call('read', async (side, { where, ids }: { where: Where, ids: string[] }) => {
    const { now, schedules } = await side.schedules[where].read(ids)
    return [side.about(now), schedules.map(({ id, spec, state }) => [id, spec, seen(side, state)])]
  }),

  tick: call('tick', tick),

  runsIn: call('runsIn', (side, { where, queue, task }: { where: Where, queue: string, task: string }) =>
    side.schedules[where].runsIn(queue, task)),

  place: call('place', async (side, { id, queue }: { id: string, queue: string }) => {
    const { epoch, ...place } = await side.places.place(id, queue)
    return { ...place, epoch: side.about(epoch) }
  }),

  /** With the epoch of the last move, or an older one. */
  endMove: call('settle or forget', async (side, { id, action, right }: {
    id: string, action: 'settle' | 'forget', right: boolean
  }) => side.places[action](id, right ? (await side.places.find(id))?.epoch ?? 0 : 1)),

  /** All tasks that wait run, and end. */
  finish: call('claim and settle', async (side, outcome: 'succeeded' | 'failed') => {
    const { jobs } = await side.queue.claim(9, 'w.1', false)
    return side.queue.settle(jobs.map(({ id, token }) => {
      const ms = wait(id)
      return { id, token, outcome, text: text(id, outcome), ms }
    }))
  })
}

const bool = fc.boolean()
const where = fc.oneof({ weight: 4, arbitrary: fc.constant<Where>('here') }, fc.constant<Where>('there'))
const id = fc.oneof({ weight: 4, arbitrary: fc.constant('s') }, fc.constantFrom(...IDS))
const task = fc.constantFrom(...TASKS)
const queue = fc.constantFrom(...QUEUES)
const at = fc.option(fc.constantFrom(...TIMES), { freq: 6 })
const epoch = fc.constantFrom(1, 1, 1, 2, 3)
const right = fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false))
const rarely = fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true))
const every = fc.constantFrom(null, LONG, 2_000_000)

const set = fc.record<SetInput>({
  where,
  id,
  epoch,
  right,
  hash: fc.constantFrom('h1', 'h1', 'h2'),
  declared: bool,
  next: at,
  grace: fc.constantFrom(-LONG, LONG),
  max: fc.constantFrom(null, null, 1, 2),
  changed: rarely,
  every,
  onlyNew: rarely
})
const anyTick = fc.record<TickInput>({
  where,
  id,
  right,
  next: at,
  task,
  mode: fc.constantFrom('tick', 'tick', 'tick', 'held'),
  fires: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  missed: fc.constantFrom(0, 0, 3),
  large: rarely,
  delayed: rarely,
  overlap: fc.constantFrom('skip', 'queue', 'allow'),
  elsewhere: bool
})
const change = fc.record({
  where,
  id,
  right,
  epoch,
  next: at,
  every,
  changed: rarely,
  action: fc.constantFrom('pause', 'resume', 'see', 'leave', 'remove')
})

export const programs = fc.array(fc.oneof(
  { weight: 5, arbitrary: set.map(calls.set) },
  { weight: 8, arbitrary: anyTick.map(calls.tick) },
  { weight: 3, arbitrary: change.map(calls.change as any) as fc.Arbitrary<Call> },
  fc.record({ id, epoch, to: where, next: at, same: bool, sets: right }).map(calls.move),
  fc.record({ where, ids: fc.array(id, { maxLength: 3 }) }).map(calls.read),
  fc.record({ where, queue, task }).map(calls.runsIn),
  fc.record({ id, queue }).map(calls.place),
  fc.record({ id, right, action: fc.constantFrom('settle', 'forget') }).map(calls.endMove as any) as fc.Arbitrary<Call>,
  { weight: 2, arbitrary: fc.constantFrom('succeeded', 'failed').map(calls.finish as any) as fc.Arbitrary<Call> },
  task.map(queueCalls.remove),
  fc.record({ id: task, stale: rarely }).map(queueCalls.retry),
  fc.array(task, { maxLength: 3 }).map(queueCalls.watch)
), { minLength: 10, maxLength: 60, size: 'max' })

const plainSet: SetInput = {
  where: 'here',
  id: 's',
  epoch: 2,
  hash: 'h1',
  declared: false,
  next: -3 * LONG,
  grace: LONG,
  max: null,
  right: true,
  changed: false,
  every: null,
  onlyNew: false
}
const plainTick: TickInput = {
  where: 'here',
  id: 's',
  mode: 'tick',
  right: true,
  fires: true,
  missed: 0,
  next: -2 * LONG,
  task: 'a',
  large: false,
  delayed: false,
  overlap: 'queue',
  elsewhere: false
}
const held: TickInput = { ...plainTick, mode: 'held', task: 'b' }

/** Each reply comes at least once. */
export const knownPrograms: Call[][] = [
  [
    calls.set(plainSet), calls.set(plainSet), calls.set({ ...plainSet, epoch: 1 }), calls.tick(plainTick),
    calls.set({ ...plainSet, hash: 'h2', right: false }), calls.tick({ ...plainTick, next: -LONG }), calls.tick(held),
    calls.tick({ ...plainTick, overlap: 'skip', next: -LONG + 1 }), calls.finish('succeeded'), calls.tick(held),
    calls.tick(held), calls.tick({ ...plainTick, fires: false, next: LONG }), calls.tick(plainTick)
  ],
  [
    calls.set({ ...plainSet, declared: true, next: 1 - LONG }), calls.set(plainSet),
    calls.set({ ...plainSet, declared: true, next: 2 - LONG, grace: -LONG }), calls.tick(plainTick),
    calls.tick(plainTick), calls.set({ ...plainSet, declared: true, next: LONG })
  ]
]

/** Everything that can be seen of the schedules, and of the queue. */
export async function observe (side: QueueUnderTest): Promise<unknown> {
  const found = await Promise.all((['here', 'there'] as const).flatMap(where => {
    return (['all', 'due', IDS] as const).map(async which => {
      const { schedules } = await side.schedules[where].read(which as string[])
      return schedules.map(({ id, spec, state }) => JSON.stringify([id, spec, seen(side, state)])).sort()
    })
  }))
  const places = [...(await side.places.page('0')).places].map(([id, { epoch, ...place }]) =>
    JSON.stringify([id, { ...place, epoch: side.about(epoch) }]))
  return { found, places: places.sort(), queue: await observeQueue(side) }
}
