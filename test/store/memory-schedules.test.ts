/**
 * Schedules of mode 'memory' do as those in Redis: random programs make the same calls of both, and compare replies,
 * schedules, records and messages.
 */
import fc from 'fast-check'
import t from 'tap'
import {
  compare, connections, memoryQueueUnderTest, redisQueueUnderTest, scheduleMembers
} from '../support/queue-under-test.ts'
import { knownPrograms, observe, programs } from '../support/schedule-programs.ts'
import type { Call } from '../support/queue-programs.ts'

const RUNS = Number(process.env.RUNS ?? 40)

t.test('whatever is called, in whatever order, schedules in memory reply as those in Redis do', async t => {
  const redis = connections(t)
  const used = { redis: new Set<string>(), memory: new Set<string>() }
  const replies = new Set<unknown>()

  const attempt = async (program: Call[]): Promise<void> => {
    const sides = [await redisQueueUnderTest(redis, used.redis), await memoryQueueUnderTest(used.memory)]
    for (const { what, run } of program) {
      await compare(what, sides, async side => {
        const reply = await run(side)
        replies.add(Array.isArray(reply) ? reply[1] : reply)
        return reply
      })
      await compare(`what is seen after ${what}`, sides, observe)
    }
    for (const side of sides) await side.close()
  }

  const examples = knownPrograms.map((program): [Call[]] => [program])
  const options = { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 1_000, includeErrorInReport: true, examples }
  await fc.assert(fc.asyncProperty(programs, attempt), options)
  for (const member of scheduleMembers) {
    t.ok(used.redis.has(member), `a program uses ${member} in Redis`)
    t.ok(used.memory.has(member), `a program uses ${member} in memory`)
  }
  const expected = [
    'set', 'unchanged', 'declared', 'superseded', 'passed', 'fired', 'skipped', 'held', 'missed', 'taken', 'early',
    'orphan'
  ]
  for (const reply of expected) t.ok(replies.has(reply), `a program gets the reply "${reply}"`)
})
