/**
 * Many processes at one tick of several schedules: each has a connection of its own, all read, and then all decide, in
 * a random order. Each would enqueue a task with an id of its own, so that nothing but the mark keeps a tick from being
 * doubled.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { Random } from '../random.ts'

const QUEUE = 'race'
const PREFIX = 'chaos-race'
const SCHEDULES = 4
const PLANNED = 60_000

export interface RaceResult { rounds: number, contenders: number, doubled: number, undecided: number }

export async function race (url: string, rounds: number, contenders: number, random: Random): Promise<RaceResult> {
  const clients = Array.from({ length: contenders }, () => new Redis(url))
  const queues = clients.map(client => new RedisQueue(client, QUEUE, PREFIX))
  const result = { rounds, contenders, doubled: 0, undecided: 0 }
  for (let round = 0; round < rounds; round++) {
    const ids = Array.from({ length: SCHEDULES }, (_, i) => `race-${round}-${i}`)
    for (const id of ids) await set(queues[0]!, id)
    const fired = (await Promise.all(queues.map((queue, i) => decide(queue, ids, i, random)))).flat()
    for (const id of ids) {
      const times = fired.filter(other => other === id).length
      if (times > 1) result.doubled++
      if (times === 0) result.undecided++
    }
  }
  const enqueued = await clients[0]!.hlen(`${PREFIX}:{${QUEUE}}:jobs`)
  result.doubled += Math.max(0, enqueued - rounds * SCHEDULES)
  for (const client of clients) client.disconnect()
  return result
}

async function set (queue: RedisQueue, id: string): Promise<void> {
  await queue.schedules.set({
    id,
    epoch: 1,
    hash: '',
    declared: false,
    spec: '{}',
    next: { planned: PLANNED, due: PLANNED },
    maxRuns: null,
    grace: 0,
    expected: null,
    generation: 0,
    passed: null,
    brought: null,
    taskQueue: null,
    onlyNew: false
  })
}

/** Returns the ids of those for which it was told that the tick fired. */
async function decide (queue: RedisQueue, ids: string[], contender: number, random: Random): Promise<string[]> {
  const { schedules } = await queue.schedules.read(ids)
  const fired: string[] = []
  for (const { id, state } of schedules) {
    if (random.chance(0.5)) await sleep(random.int(0, 5))
    const reply = await queue.schedules.tick({
      id,
      generation: state.generation,
      mode: 'tick',
      expected: PLANNED,
      fire: PLANNED,
      missed: 0,
      mark: PLANNED,
      next: { planned: 2 * PLANNED, due: Date.now() + 3_600_000 },
      taskId: `${id}-${contender}`,
      text: '{}',
      delay: null,
      overlap: 'allow',
      runsElsewhere: false
    })
    if (reply === 'fired') fired.push(id)
  }
  return fired
}
