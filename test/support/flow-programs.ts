/**
 * Random programs for flows: calls of every method, in any order, on a few flows of one graph, with hostile ids. Two
 * stores may differ in the order of what a set has, and in times: lists are sorted, times rounded.
 */
import fc from 'fast-check'
import { call, calls as queueCalls, text, type Call } from './queue-programs.ts'
import type { QueueUnderTest } from './queue-under-test.ts'
import type {
  FlowChunk, FlowCommand, FlowProgress, MemberOutcome, ReadablePart
} from '../../lib/store/flow-contract.ts'

const LONG = 3_600_000
const PARTS: ReadablePart[] = ['nodes', 'texts', 'joins', 'ends']

/** The first is drawn most often, so that calls meet each other. */
const IDS = ['f', 'g', '__proto__', '{q}:jobs', 'a b,c-1']
/** Ids of the queue's programs: tasks whose end is asked for. */
const TASKS = ['a', 'b', 'c', '%s * -inf']
const NODES = ['0', '1', '2', '3', '4', '5', 'finally', '__proto__', '0:more']
const JOINS = ['0', '1', '2', '3', '9']

/**
 * 0 and 1 wait for nothing; 2 waits for both; 3 and 4 for 2. 5 is in no join, and waits for nothing. 1 may fail.
 */
function graph (generation: number): FlowChunk {
  const node = (name: string, mayFail: 0 | 1, joins: string): [string, string] =>
    [name, `${generation} ${mayFail} ${joins} ["q","task/of ${name}","key",${LONG}]`]
  return {
    nodes: [
      node('0', 0, '1'), node('1', 1, '1'), node('2', 0, '2,3'), node('3', 0, '-'), node('4', 0, '-'), node('5', 1, '-')
    ],
    texts: ['0', '1', '2', '3', '4', '5'].map(name => [name, `text of ${name}`]),
    joins: [['0', '0,1 null'], ['1', '2 ["0","1"]'], ['2', '3 "2"'], ['3', '4 "2"'], ['output', ' ["3","4"]']],
    edges: [['1', ['0', '1']]]
  }
}

const record = '{"data":{"name":"flow"},"options":{"timestamp":1,"attempts":1}'

interface BeginInput {
  id: string
  ttl: number
  life: number
  failFast: boolean
  expires: number | null
  delay: number
  final: boolean
}

/** A command, with the id of a flow. */
interface StepInput { id: string, commands: FlowCommand[] }

const sorted = (names: string[]): string[] => names.toSorted()

/** How far a flow is, as others see it. A flow that has been released is not looked at again. */
function seen (side: QueueUnderTest, progress: FlowProgress | null): unknown {
  if (!progress) return null
  const { startedAt, changedAt, deadline, now, todo, ...rest } = progress
  const times = [startedAt, changedAt, deadline, now].map(time => side.about(time))
  return { ...rest, times, todo: sorted(todo) }
}

async function readPart (side: QueueUnderTest, id: string, part: ReadablePart): Promise<unknown> {
  const { cursor, entries } = await side.flows.page(id, part, '0')
  return [cursor, entries.map(entry => JSON.stringify(entry)).sort()]
}

/** The record, with its times rounded. Two encoders write the same JSON in two ways. */
async function recordOf (side: QueueUnderTest, id: string): Promise<unknown> {
  const read = await side.queue.readTask(id)
  if (!read) return null
  const { startedAt, finishedAt, error, ...rest } = JSON.parse(read.text)
  const times = [side.about(startedAt), side.about(finishedAt)]
  return { ...rest, error: error && Object.entries(error).sort(), times }
}

export const calls = {
  begin: call('begin', (side, { final, expires, delay, ...flow }: BeginInput) => side.flows.begin({
    ...flow,
    record,
    startsAt: side.start + delay,
    expires: expires === null ? null : side.start + expires,
    final: final ? { entry: `0 1 - ["q","clean","finally",${LONG}]`, text: 'text of finally' } : null
  }, null)),

  write: call('write', (side, { id, generation, half }: { id: string, generation: number, half: boolean }) => {
    const whole = graph(generation)
    const part = { nodes: whole.nodes.slice(3), texts: [], joins: [], edges: [] }
    return side.flows.write(id, half ? part : whole)
  }),

  step: call('step', async (side, { id, commands }: StepInput) => {
    const { starts, ...reply } = await side.flows.step(id, commands, null)
    return { ...reply, starts: sorted(starts) }
  }),

  read: call('read', async (side, id: string) => seen(side, await side.flows.read(id))),

  readMany: call('readMany', (side, { id, part, names }: { id: string, part: ReadablePart, names: string[] }) =>
    side.flows.readMany(id, part, names)),

  areOpen: call('areOpen', (side, { id, names }: { id: string, names: string[] }) => side.flows.areOpen(id, names)),

  /** Flows that have lived too long and run, or whose last task does. Those of other stages are due in Redis only. */
  takeDue: call('takeDue', async (side, limit: number) => {
    const ids = await side.flows.takeDue(limit, -2 * LONG)
    const all = await Promise.all(ids.map(async id => [id, (await side.flows.read(id))?.stage]))
    return limit < 9 || sorted(all.flatMap(([id, stage]) => stage === 'running' || stage === 'finally' ? [id!] : []))
  }),

  list: call('list', async (side, limit: number) => (await side.flows.list(limit)).ids.length),

  memberStates: call('memberStates', (side, ids: string[]) => side.flows.memberStates(ids)),

  keepMembers: call('keepMembers', (side, members: Array<[id: string, ms: number]>) => side.flows.keepMembers(members)),

  /** All tasks that wait run, and end. */
  finish: call('claim and settle', async (side, outcome: 'succeeded' | 'failed' | 'cancelled' | 'expired') => {
    const { jobs } = await side.queue.claim(9, 'w.1', false)
    return side.queue.settle(jobs.map(({ id, token }) => ({ id, token, outcome, text: text(id, outcome), ms: LONG })))
  })
}

const id = fc.oneof({ weight: 5, arbitrary: fc.constant('f') }, fc.constantFrom(...IDS))
const task = fc.constantFrom(...TASKS)
const node = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('0', '1', '2', '3', '4') }, fc.constantFrom(...NODES))
const join = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('0', '1') }, fc.constantFrom(...JOINS))
const generation = fc.oneof({ weight: 5, arbitrary: fc.constant('0') }, fc.constantFrom('1', '7'))
const outcome = fc.oneof(
  { weight: 6, arbitrary: fc.constant<MemberOutcome>('succeeded') },
  fc.constantFrom<MemberOutcome>('failed', 'cancelled', 'expired', 'removed'))
const entry = fc.oneof(join.map(name => `J${name}`), node.map(name => `N${name}`), fc.constantFrom('W0', 'Sx', ''))

const cancel = fc.constantFrom<FlowCommand>(
  { name: 'cancel', cause: 'cancelled', code: '', message: '' },
  { name: 'cancel', cause: 'failed', code: 'FST_TASKS_FLOW_INCOMPLETE', message: 'half' },
  { name: 'cancel', cause: 'failed', code: 'FST_TASKS_FLOW_TIMEOUT', message: 'a / "late" \u2028 one' }
)
const end = fc.record({
  name: fc.constant('end' as const), node, generation, outcome, message: fc.constantFrom('', 'it / "failed"')
})
const add = fc.record({
  name: fc.constant('add' as const),
  node: fc.constantFrom('0:more', '0:x', '2:more', '0'),
  entry: fc.constant(`0 0 - ["q","more","key",${LONG}]`),
  text: fc.constant('text of more'),
  parent: node,
  generation,
  most: fc.constantFrom(9, 9, 6, 7)
})
const command: fc.Arbitrary<FlowCommand> = fc.oneof(
  { weight: 8, arbitrary: end },
  { weight: 3, arbitrary: join.map((join): FlowCommand => ({ name: 'ready', join })) },
  { weight: 2, arbitrary: node.map((node): FlowCommand => ({ name: 'start', node })) },
  { weight: 3, arbitrary: entry.map((entry): FlowCommand => ({ name: 'done', entry })) },
  { weight: 3, arbitrary: fc.constant<FlowCommand>({ name: 'seal' }) },
  cancel,
  { weight: 3, arbitrary: add }
)
/** These end a list of commands: what they reply is theirs. */
const last = fc.constantFrom<FlowCommand>(
  { name: 'reopen', record }, { name: 'reopen', record }, { name: 'forget' }, { name: 'remove' })

const begin = fc.record<BeginInput>({
  id,
  ttl: fc.constantFrom(LONG, LONG, LONG, 0),
  life: fc.constantFrom(2 * LONG, 2 * LONG, -LONG),
  failFast: fc.boolean(),
  expires: fc.constantFrom(null, -LONG, LONG),
  delay: fc.constantFrom(-LONG, -LONG, LONG),
  final: fc.boolean()
})
const written = { generation: 0, half: false }

/** A program mostly has a flow that is whole, or it would do nothing. */
const whole = begin.map(flow => [
  calls.begin(flow), calls.write({ id: flow.id, ...written }),
  calls.step({ id: flow.id, commands: [{ name: 'ready', join: '0' }, { name: 'seal' }, { name: 'start', node: '5' }] })
])

export const programs = fc.array(fc.oneof(
  { weight: 2, arbitrary: whole },
  begin.map(input => [calls.begin(input)]),
  fc.record({ id, generation: fc.constantFrom(0, 0, 1), half: fc.constantFrom(false, false, true) })
    .map(input => [calls.write(input)]),
  {
    weight: 14,
    arbitrary: fc.record({ id, commands: fc.array(command, { maxLength: 3 }) })
      .map(input => [calls.step(input)])
  },
  { weight: 3, arbitrary: fc.record({ id, last }).map(({ id, last }) => [calls.step({ id, commands: [last] })]) },
  id.map(id => [calls.read(id)]),
  fc.record({ id, part: fc.constantFrom(...PARTS), names: fc.array(node, { maxLength: 3 }) })
    .map(input => [calls.readMany(input)]),
  fc.record({ id, names: fc.array(node, { minLength: 1, maxLength: 3 }) }).map(input => [calls.areOpen(input)]),
  fc.constantFrom(9, 9, 1, 0).map(limit => [calls.takeDue(limit)]),
  fc.constantFrom(1, 9).map(limit => [calls.list(limit)]),
  fc.array(fc.oneof(task, id), { maxLength: 3 }).map(ids => [calls.memberStates(ids)]),
  fc.array(fc.tuple(fc.oneof(task, id), fc.constantFrom(0, -5, LONG)), { maxLength: 3 })
    .map(members => [calls.keepMembers(members)]),
  { weight: 2, arbitrary: task.map(id => [queueCalls.add({ id })]) },
  fc.constantFrom('succeeded', 'failed', 'cancelled', 'expired').map(outcome => [calls.finish(outcome as 'failed')]),
  fc.constant([queueCalls.watch(['f', 'g'])])
), { minLength: 8, maxLength: 40, size: 'max' }).map(parts => parts.flat())

const step = (...commands: FlowCommand[]): Call => calls.step({ id: 'f', commands })
const ended = (node: string, outcome: MemberOutcome = 'succeeded', generation = '0'): FlowCommand =>
  ({ name: 'end', node, generation, outcome, message: 'why' })
const plain: BeginInput = {
  id: 'f', ttl: LONG, life: 2 * LONG, failFast: true, expires: null, delay: -LONG, final: false
}
const start = (more: Partial<BeginInput> = {}): Call[] => [
  queueCalls.watch(['f']), calls.begin({ ...plain, ...more }), calls.write({ id: 'f', ...written }),
  step({ name: 'ready', join: '0' }), step({ name: 'seal' }), step({ name: 'start', node: '5' })
]
const adds: FlowCommand = {
  name: 'add',
  node: '0:more',
  entry: `0 0 - ["q","more","key",${LONG}]`,
  text: 'x',
  parent: '0',
  generation: '0',
  most: 7
}
const reopen: FlowCommand = { name: 'reopen', record }

/** Programs that chance finds too seldom. */
export const knownPrograms: Call[][] = [
  // All succeed, with one that is added, and one behind all others.
  [
    ...start({ final: true }), step(adds), step(adds), step(ended('5')), step(ended('0')), step(ended('0:more')),
    step(ended('1')), step({ name: 'done', entry: 'J1' }), step(ended('2')), step(ended('3'), ended('4')),
    step(ended('finally')), step({ name: 'forget' }), step(reopen), step({ name: 'remove' })
  ],
  // It has as many members as it may, with the one behind all others and without.
  ...[true, false].map(final => [...start({ final }), step(adds), step({ ...adds, node: '0:x' }), step(adds)]),
  // The one behind all others lives too long, but not the second time.
  ...[-LONG, 2 * LONG].map(life => [
    ...start({ final: true, life }), step(ended('5')), step(ended('0')), step(ended('1')), step(ended('2')),
    step(ended('3'), ended('4')), calls.takeDue(9), calls.read('f'),
    step({ name: 'cancel', cause: 'failed', code: 'FST_TASKS_FLOW_TIMEOUT', message: 'late' }), calls.read('f'),
    step(ended('finally', 'cancelled')), calls.read('f')
  ]),
  // One fails, and the flow is opened again, twice.
  [
    ...start(), step(ended('0', 'failed')), step(ended('1', 'cancelled'), ended('5', 'removed')), step(reopen),
    step(reopen), calls.write({ id: 'f', generation: 1, half: false }), step({ name: 'seal' }),
    step({ name: 'ready', join: '0' }), step(ended('0', 'succeeded', '0')), step(ended('0', 'succeeded', '1'))
  ],
  // What waits for one that failed is skipped; the rest goes on. It was late: the flow has expired.
  [
    ...start({ failFast: false, expires: -LONG }), step(ended('0', 'expired')), step(ended('1')), step(ended('5')),
    step(reopen), step({ name: 'forget' })
  ],
  // One fails, and another ends in the same step: what waits for both is skipped. A retry waits for both again.
  [
    ...start({ failFast: false }), step(ended('0', 'failed'), ended('1')), step(ended('5')), step(reopen),
    calls.write({ id: 'f', generation: 1, half: false }), step({ name: 'seal' }, { name: 'ready', join: '0' }),
    step(ended('1', 'succeeded', '1')), calls.read('f'), step(ended('0', 'succeeded', '1'))
  ],
  // A join is looked at twice in one step.
  [...start(), step(ended('0'), { name: 'done', entry: 'J0' }, ended('1')), calls.read('f')],
  // Members end while the flow is being written.
  [
    calls.begin(plain), calls.write({ id: 'f', ...written }), step({ name: 'ready', join: '0' }), step(ended('0')),
    step(ended('1')), calls.read('f'), step({ name: 'seal' }), step(reopen), step({ name: 'remove' })
  ],
  // Never sealed; too old; without a record at its end; gone.
  [
    calls.begin({ ...plain, ttl: 0, life: -LONG }), calls.write({ id: 'f', ...written }), step({ name: 'seal' }),
    calls.takeDue(9), step({ name: 'cancel', cause: 'failed', code: 'FST_TASKS_FLOW_INCOMPLETE', message: '' }),
    step(), step({ name: 'forget' }), step(), calls.read('f'), calls.write({ id: 'f', ...written })
  ],
  [
    calls.begin(plain), step({ name: 'cancel', cause: 'failed', code: 'FST_TASKS_FLOW_INCOMPLETE', message: 'half' }),
    calls.write({ id: 'f', ...written }), step({ name: 'seal' }), step({ name: 'forget' }), calls.begin(plain)
  ],
  [
    queueCalls.add({ id: 'a' }), calls.memberStates(['a', 'b']), calls.finish('failed'), calls.memberStates(['a']),
    calls.keepMembers([['a', LONG], ['b', 0]]), calls.keepMembers([['a', 0]]), calls.memberStates(['a'])
  ]
]

/** Everything that can be seen of the flows. */
export async function observe (side: QueueUnderTest): Promise<unknown> {
  const flows = await Promise.all(IDS.map(async id => ({
    id,
    record: await recordOf(side, id),
    progress: seen(side, await side.flows.read(id)),
    parts: await Promise.all(PARTS.map(part => readPart(side, id, part))),
    nodes: await Promise.all((['open', 'pending'] as const).map(async which => {
      const { cursor, nodes } = await side.flows.pageOfNodes(id, which, '0')
      return [cursor, sorted(nodes)]
    }))
  })))
  const [listed, heard] = [sorted((await side.flows.list(100)).ids), await side.messages()]
  return { flows, listed, heard, states: await side.flows.memberStates(TASKS) }
}
