/** Two worker processes against one, with handlers that take 1 ms. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast } from '../bars.ts'
import { median, ratio } from '../stats.ts'
import { actorOf, inTurn, present, rateOf, type Outcome, type Size, type BenchContext } from '../context.ts'
import type { BenchProcess } from '../processes.ts'
import type { Reading } from '../meter.ts'

const CONCURRENCY = 10
const WORK = 1

const amounts: Record<Size, { rounds: number, tasks: number }> = {
  full: { rounds: 5, tasks: 12_000 },
  quick: { rounds: 2, tasks: 5_000 },
  tiny: { rounds: 1, tasks: 200 }
}

export async function workers (stage: BenchContext): Promise<Outcome> {
  if (present(stage, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, tasks } = amounts[stage.size]
  const producer = await actorOf(stage, 'ours', 'producer')
  const crew = [await actorOf(stage, 'ours', 'worker'), await actorOf(stage, 'ours', 'worker', undefined, 2)]
  const rates = await inTurn([1, 2], rounds, 1, async (count, round) => {
    await stage.redis.flush()
    await producer.call('many', { count: tasks * count })
    // The first one warms up in turn, so that both have the same past.
    const rate = await together(round % 2 === 0 ? crew.slice(0, count) : crew.slice(-count), tasks * count)
    stage.say(`workers, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${count} at work, ${Math.round(rate)}/s`)
    return rate
  })
  const [one, two] = [rates.get(1)!, rates.get(2)!]
  return {
    tables: [{
      title: `Processed a second by worker processes, handlers of ${WORK} ms, concurrency ${CONCURRENCY}`,
      columns: ['', 'processed/s'],
      rows: [['one worker', Math.round(median(one))], ['two workers', Math.round(median(two))]]
    }],
    bars: [atLeast(`two worker processes against one, ${WORK} ms handlers at concurrency ${CONCURRENCY}: processed/s`, ratio(two, one), 1.9)]
  }
}

/** The sum of what each does a second: they do not start in the same moment, and end in the same. */
async function together (crew: BenchProcess[], total: number): Promise<number> {
  await Promise.all(crew.map(worker => worker.call('start', { concurrency: CONCURRENCY, work: WORK, target: total })))
  const readings = await allEnded(crew, total)
  await Promise.all(crew.map(worker => worker.call('stop')))
  return readings.reduce((sum, reading) => sum + rateOf(reading, reading.count), 0)
}

async function allEnded (crew: BenchProcess[], total: number): Promise<Reading[]> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    const readings = await Promise.all(crew.map(worker => worker.call<Reading>('read')))
    if (readings.reduce((sum, { count }) => sum + count, 0) >= total) return readings
  }
  throw new Error(`${crew.length} workers did not end ${total} tasks within a minute`)
}
