/**
 * Runs random programs on both stores, and fails where they differ: in a reply, or in what is seen after a call.
 */
import fc from 'fast-check'
import type { Test } from 'tap'
import {
  compare, connections, memoryQueueUnderTest, redisQueueUnderTest, type QueueUnderTest
} from './queue-under-test.ts'
import type { Call } from './queue-programs.ts'

/** How many programs. */
const RUNS = Number(process.env.RUNS ?? 40)
/** For each of them, in ms: a program makes some hundred calls one after the other, and others use the machine too. */
const LIMIT_MS = 4_000

export interface Comparison {
  programs: fc.Arbitrary<Call[]>
  /** Programs that are run in any case. */
  knownPrograms: Call[][]
  observe: (side: QueueUnderTest) => Promise<unknown>
  /** The methods that some program must call. */
  members: readonly string[]
  /** Called before each program. */
  begin?: (sides: QueueUnderTest[]) => Promise<void>
  onReply?: (reply: unknown) => void
}

export async function comparePrograms (t: Test, comparison: Comparison): Promise<void> {
  const { programs, knownPrograms, observe, members, begin, onReply } = comparison
  const redis = connections(t)
  const used = { redis: new Set<string>(), memory: new Set<string>() }

  const attempt = async (program: Call[]): Promise<void> => {
    const sides = [await redisQueueUnderTest(redis, used.redis), await memoryQueueUnderTest(used.memory)]
    await begin?.(sides)
    for (const { what, run } of program) {
      await compare(what, sides, async side => {
        const reply = await run(side)
        onReply?.(reply)
        return reply
      })
      await compare(`what is seen after ${what}`, sides, observe)
    }
    for (const side of sides) await side.close()
  }

  const examples = knownPrograms.map((program): [Call[]] => [program])
  const options = { numRuns: RUNS, interruptAfterTimeLimit: RUNS * LIMIT_MS, includeErrorInReport: true, examples }
  await fc.assert(fc.asyncProperty(programs, attempt), options)
  for (const member of members) {
    t.ok(used.redis.has(member), `a program uses ${member} in Redis`)
    t.ok(used.memory.has(member), `a program uses ${member} in memory`)
  }
}
