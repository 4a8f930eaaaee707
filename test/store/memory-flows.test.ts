/**
 * Flows of mode 'memory' do as those in Redis: random programs make the same calls of both, and compare replies,
 * records, all parts of each flow, and messages.
 */
import t from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import { comparePrograms } from '../support/compare-programs.ts'
import { flowMembers } from '../support/queue-under-test.ts'
import { knownPrograms, observe, programs } from '../support/flow-programs.ts'
import type { StepReply } from '../../lib/store/flow-contract.ts'

t.test('whatever is called, in whatever order, flows in memory reply as those in Redis do', async t => {
  const seen = new Set<unknown>()
  const onReply = (reply: unknown): void => {
    const { stage, done, ends, cancels } = (reply ?? {}) as Partial<StepReply>
    for (const one of [stage, done, ends && 'ends', cancels && 'cancels']) seen.add(one)
  }
  await comparePrograms(t, { programs, knownPrograms, observe, members: flowMembers, onReply })
  const expected = [
    'building', 'running', 'cancelling', 'finally', 'ended', 'reopening', 'gone', 'done', 'done before', 'refused',
    'too many', 'ends', 'cancels'
  ]
  for (const reply of expected) t.ok(seen.has(reply), `a program gets the reply "${reply}"`)
})

t.test('when the clock is moved, the records of flows expire, and those that have lived too long are due', async t => {
  const store = new MemoryStore()
  const { flows } = store.queue('q')
  const flow = { record: '{}', ttl: 100, life: 500, failFast: true, expires: null, final: null }
  const nodes: Array<[string, string]> = [['0', '0 0 - ["q","x","0",0]']]
  for (const id of ['ends', 'runs']) {
    await flows.begin({ id, ...flow })
    await flows.write(id, { nodes, texts: [], joins: [], edges: [] })
    await flows.step(id, [{ name: 'seal' }, { name: 'start', node: '0' }])
  }
  const start = store.now()
  await flows.step('ends', [{ name: 'end', node: '0', generation: '0', outcome: 'succeeded', message: '' }])
  store.moveTo(start + 99)
  t.match(await flows.read('ends'), { stage: 'ended' })
  store.moveTo(start + 100)
  t.equal(await flows.read('ends'), null)
  t.equal(store.due, start + 500)
  t.same(await flows.takeDue(9), [])
  store.moveTo(start + 500)
  t.same(await flows.takeDue(9), ['runs'])
})
