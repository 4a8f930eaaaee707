/** Compares two worker processes with one worker process, with handlers of 1 ms. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast } from '../bars.ts'
import { median, ratio } from '../stats.ts'
import {
  peerProcess, interleave, participating, rateOf, type PartResult, type Size, type BenchContext
} from '../context.ts'
import type { BenchProcess } from '../processes.ts'
import type { Reading } from '../meter.ts'

const CONCURRENCY = 10
const HANDLER_MS = 1

const workloads: Record<Size, { rounds: number, tasks: number }> = {
  full: { rounds: 5, tasks: 12_000 },
  quick: { rounds: 2, tasks: 5_000 },
  tiny: { rounds: 1, tasks: 200 }
}

export async function workers (context: BenchContext): Promise<PartResult> {
  if (participating(context, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, tasks } = workloads[context.size]
  const producer = await peerProcess(context, 'ours', 'producer')
  const processes = [
    await peerProcess(context, 'ours', 'worker'),
    await peerProcess(context, 'ours', 'worker', undefined, 2)
  ]
  const rates = await interleave([1, 2], rounds, 1, async (count, round) => {
    await context.redis.flush()
    await producer.call('many', { count: tasks * count })
    // A single worker is the first and the second process in turn, so that both are equally warm.
    const chosen = round % 2 === 0 ? processes.slice(0, count) : processes.slice(-count)
    const rate = await measureTotalRate(chosen, tasks * count)
    context.log(`workers, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${count} working, ${Math.round(rate)}/s`)
    return rate
  })
  const [one, two] = [rates.get(1)!, rates.get(2)!]
  return {
    tables: [{
      title: `Processed a second by worker processes, handlers of ${HANDLER_MS} ms, concurrency ${CONCURRENCY}`,
      columns: ['', 'processed/s'],
      rows: [['one worker', Math.round(median(one))], ['two workers', Math.round(median(two))]]
    }],
    bars: [atLeast(
      `two worker processes against one, ${HANDLER_MS} ms handlers at concurrency ${CONCURRENCY}: processed/s`,
      ratio(two, one),
      1.9
    )]
  }
}

/** The sum of the processes' rates. Each has a rate of its own, because they do not start at the same moment. */
async function measureTotalRate (processes: BenchProcess[], total: number): Promise<number> {
  const options = { concurrency: CONCURRENCY, work: HANDLER_MS, target: total }
  await Promise.all(processes.map(worker => worker.call('start', options)))
  const readings = await waitForTotal(processes, total)
  await Promise.all(processes.map(worker => worker.call('stop')))
  return readings.reduce((sum, reading) => sum + rateOf(reading, reading.count), 0)
}

async function waitForTotal (processes: BenchProcess[], total: number): Promise<Reading[]> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    const readings = await Promise.all(processes.map(worker => worker.call<Reading>('read')))
    if (readings.reduce((sum, { count }) => sum + count, 0) >= total) return readings
  }
  throw new Error(`${processes.length} workers did not finish ${total} tasks within a minute`)
}
