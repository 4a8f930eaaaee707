/**
 * Steps of a flow in Redis whose work is more than one call does.
 */
import t from 'tap'
import { QueueFixture, range } from '../support/queue-fixture.ts'
import type { FlowCommand, QueueFlows, StepReply } from '../../lib/store/flow-contract.ts'

const HOUR = 3_600_000
const node = (joins: string): string => `0 0 ${joins} ["q","x","",0]`

/** One node whose joins have a node each, and others that are about to start and wait for nothing. */
async function fan (flows: QueueFlows, behind: number, others: number): Promise<void> {
  await flows.begin({ id: 'f', record: '{}', ttl: HOUR, life: HOUR, failFast: false, expires: null, final: null }, null)
  const joins = range(1, behind).map((name, i): [string, string] => [String(i + 2), `${name} null`])
  const free = range(behind + 1, behind + others)
  await flows.write('f', {
    nodes: [['hub', node(joins.map(([join]) => join).join(','))]],
    texts: [],
    edges: [],
    joins: [['0', 'hub null'], ...free.map((name, i): [string, string] => [`o${i}`, `${name} null`]), ...joins]
  })
  const all = [...range(1, behind + others)]
  for (let from = 0; from < all.length; from += 400) {
    const nodes = all.slice(from, from + 400).map((name): [string, string] => [name, node('-')])
    await flows.write('f', { nodes, texts: [], joins: [], edges: [] })
  }
  const ready = free.map((_name, i): FlowCommand => ({ name: 'ready', join: `o${i}` }))
  await flows.step('f', [{ name: 'ready', join: '0' }, ...ready, { name: 'seal' }], null)
}

t.test('what is behind a member that failed is skipped to its end, however much else is about to start', async t => {
  const { queue: { flows } } = new QueueFixture(t)
  await fan(flows, 1_300, 700)
  const failed: FlowCommand = { name: 'end', node: 'hub', generation: '0', outcome: 'failed', message: 'no' }
  let reply: StepReply = await flows.step('f', [failed], null)
  for (let calls = 0; reply.more && calls < 50; calls++) reply = await flows.step('f', [], null)
  t.match(await flows.read('f'), { stage: 'running', open: 700, pending: 0 })
  const ends = range(1_301, 2_000).map((name): FlowCommand =>
    ({ name: 'end', node: name, generation: '0', outcome: 'succeeded', message: '' }))
  for (let from = 0; from < ends.length; from += 100) reply = await flows.step('f', ends.slice(from, from + 100), null)
  t.match(await flows.read('f'), { stage: 'ended' }, 'so the flow ends')
})

t.test('a step that changes nothing does not put off the next look at its flow', async t => {
  const { queue: { flows }, redis, prefix } = new QueueFixture(t)
  await fan(flows, 1, 2)
  const lookAt = async (): Promise<number> => Number(await redis.zscore(`${prefix}:{q}:flows`, 'f'))
  const cancel: FlowCommand = { name: 'cancel', cause: 'cancelled', code: '', message: '' }
  const end: FlowCommand = { name: 'end', node: 'hub', generation: '0', outcome: 'cancelled', message: '' }
  t.match(await flows.step('f', [cancel], 50_000), { stage: 'cancelling', cancels: true })
  const planned = await lookAt()
  for (const commands of [[cancel], [], [{ ...end, generation: '1' }], [cancel]]) {
    await flows.step('f', commands, 100_000)
    t.equal(await lookAt(), planned)
  }
  await flows.step('f', [end], 100_000)
  t.ok(await lookAt() > planned, 'an end does')
  await flows.step('f', [cancel], 1_000)
  t.ok(await lookAt() < planned, 'it may come sooner')
})
