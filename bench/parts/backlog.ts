/** Compares a long queue with a short queue: throughput of the first tasks, time of status and cancel of the last. */
import { atLeast, atMost } from '../bars.ts'
import { median, percentile, ratio, rotated } from '../stats.ts'
import {
  peerProcess, drain, participating, rateOf, type PartResult, type Size, type BenchContext, type Table
} from '../context.ts'
import type { BenchProcess } from '../processes.ts'

const CONCURRENCY = 100
const SHORT_LENGTH = 10_000
const FILL_WITHIN = 240_000

const workloads: Record<Size, { rounds: number, long: number, first: number, calls: number }> = {
  full: { rounds: 5, long: 1_000_000, first: 8_000, calls: 600 },
  quick: { rounds: 3, long: 100_000, first: 6_000, calls: 400 },
  tiny: { rounds: 1, long: 12_000, first: 500, calls: 50 }
}

/** The Redis databases of the two queues. The long queue is filled only once. */
const SHORT = 0
const LONG = 1

interface Samples { rates: [number[], number[]], status: [number[], number[]], cancel: [number[], number[]] }

export async function backlog (context: BenchContext): Promise<PartResult> {
  if (participating(context, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, long, calls } = workloads[context.size]
  const { redis, processes, log, size } = context
  await redis.flush()
  const urls = [redis.url, `${redis.url}/${LONG}`]
  const client = await processes.node('client', ['ours', ...urls])
  // One worker process for both queues, so that it is equally warm for both.
  const worker = await peerProcess(context, 'ours', 'worker')
  await client.call('fill', { which: LONG, count: long, remember: calls * (rounds + 1) }, FILL_WITHIN)
  log(`backlog: ${long} tasks are waiting`)
  const samples: Samples = { rates: [[], []], status: [[], []], cancel: [[], []] }
  for (let round = size === 'full' ? -1 : 0; round < rounds; round++) {
    await runRound(context, client, worker, urls, round, samples)
  }
  await client.end()
  await redis.flush()
  return toResult(samples, long)
}

async function runRound (
  { redis, log, size }: BenchContext,
  client: BenchProcess,
  worker: BenchProcess,
  urls: string[],
  round: number,
  samples: Samples
): Promise<void> {
  const { first, calls } = workloads[size]
  await redis.flush(SHORT)
  await client.call('forget', { which: SHORT })
  await client.call('fill', { which: SHORT, count: SHORT_LENGTH, remember: calls })
  const status = await client.call<number[][]>('statuses', { count: calls })
  const cancel = await client.call<number[][]>('cancels', { count: calls })
  for (const which of rotated([SHORT, LONG] as const, round + 1)) {
    const rate = rateOf(await drain(worker, { concurrency: CONCURRENCY, target: first, url: urls[which] }), first)
    if (round < 0) continue // warm-up
    samples.rates[which].push(rate)
    samples.status[which].push(...status[which]!)
    samples.cancel[which].push(...cancel[which]!)
    log(`backlog, round ${round + 1}: ${which === LONG ? 'long' : 'short'} queue ${Math.round(rate)}/s`)
  }
}

function toResult ({ rates, status, cancel }: Samples, long: number): PartResult {
  const p99 = (times: number[][]): [number, number] => [percentile(times[SHORT]!, 0.99), percentile(times[LONG]!, 0.99)]
  const [statusP99, cancelP99] = [p99(status), p99(cancel)]
  const row = (which: 0 | 1, waiting: number): Table['rows'][number] =>
    [`${waiting.toLocaleString('en-US')} waiting`, Math.round(median(rates[which])), statusP99[which], cancelP99[which]]
  const title = `${long.toLocaleString('en-US')} waiting against ${SHORT_LENGTH.toLocaleString('en-US')}`
  return {
    tables: [{
      title: `A long queue, concurrency ${CONCURRENCY}`,
      note: `Status and cancel: one call at a time, alternating between the queues, ${status[SHORT].length} of each.`,
      columns: ['', 'processed/s', 'status p99, ms', 'cancel p99, ms'],
      rows: [row(SHORT, SHORT_LENGTH), row(LONG, long)]
    }],
    bars: [
      atLeast(`${title}: throughput`, ratio(rates[LONG], rates[SHORT]), 0.9),
      atMost(`${title}: status p99`, statusP99[LONG] / statusP99[SHORT], 1.2),
      atMost(`${title}: cancel p99`, cancelP99[LONG] / cancelP99[SHORT], 1.2)
    ]
  }
}
