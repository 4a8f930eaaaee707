/**
 * Flows of mode 'memory' do as those in Redis: random programs make the same calls of both, and compare replies,
 * records, all parts of each flow, and messages.
 */
import fc from 'fast-check'
import t from 'tap'
import { MemoryStore } from '../../lib/store/memory/store.ts'
import {
  compare, connections, flowMembers, memoryQueueUnderTest, redisQueueUnderTest
} from '../support/queue-under-test.ts'
import { knownPrograms, observe, programs } from '../support/flow-programs.ts'
import type { Call } from '../support/queue-programs.ts'
import type { StepReply } from '../../lib/store/flow-contract.ts'

const RUNS = Number(process.env.RUNS ?? 40)

t.test('whatever is called, in whatever order, flows in memory reply as those in Redis do', async t => {
  const redis = connections(t)
  const used = { redis: new Set<string>(), memory: new Set<string>() }
  const seen = new Set<unknown>()

  const attempt = async (program: Call[]): Promise<void> => {
    const sides = [await redisQueueUnderTest(redis, used.redis), await memoryQueueUnderTest(used.memory)]
    for (const { what, run } of program) {
      await compare(what, sides, async side => {
        const reply = await run(side)
        const { stage, done, ends, cancels } = (reply ?? {}) as Partial<StepReply>
        for (const one of [stage, done, ends && 'ends', cancels && 'cancels']) seen.add(one)
        return reply
      })
      await compare(`what is seen after ${what}`, sides, observe)
    }
    for (const side of sides) await side.close()
  }

  const examples = knownPrograms.map((program): [Call[]] => [program])
  const options = { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 1_000, includeErrorInReport: true, examples }
  await fc.assert(fc.asyncProperty(programs, attempt), options)
  for (const member of flowMembers) {
    t.ok(used.redis.has(member), `a program uses ${member} in Redis`)
    t.ok(used.memory.has(member), `a program uses ${member} in memory`)
  }
  const expected = [
    'building', 'running', 'cancelling', 'finally', 'ended', 'reopening', 'gone', 'done', 'done before', 'refused',
    'ends', 'cancels'
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
