/** A long queue against a short one: throughput of the first tasks, status and cancel of the last ones. */
import { atLeast, atMost } from '../bars.ts'
import { median, percentile, ratio, rotated } from '../stats.ts'
import { actorOf, drain, present, rateOf, type Outcome, type Size, type BenchContext, type Table } from '../context.ts'
import type { BenchProcess } from '../processes.ts'

const CONCURRENCY = 100
const SHORT = 10_000
const FILL_WITHIN = 240_000

const amounts: Record<Size, { rounds: number, long: number, first: number, asked: number }> = {
  full: { rounds: 9, long: 1_000_000, first: 8_000, asked: 600 },
  quick: { rounds: 3, long: 100_000, first: 6_000, asked: 400 },
  tiny: { rounds: 1, long: 12_000, first: 500, asked: 50 }
}

/** Two queues, each in a database of its own: the long one is filled once. */
const SHORT_ONE = 0
const LONG_ONE = 1

interface Samples { rates: [number[], number[]], status: [number[], number[]], cancel: [number[], number[]] }

export async function backlog (stage: BenchContext): Promise<Outcome> {
  if (present(stage, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, long, asked } = amounts[stage.size]
  const { redis, processes, say, size } = stage
  await redis.flush()
  const urls = [redis.url, `${redis.url}/${LONG_ONE}`]
  const client = await processes.node('client', ['ours', ...urls])
  // One process for both: as warm for the one as for the other.
  const worker = await actorOf(stage, 'ours', 'worker')
  await client.call('fill', { which: LONG_ONE, count: long, remember: asked * (rounds + 1) }, FILL_WITHIN)
  say(`backlog: ${long} are waiting`)
  const samples: Samples = { rates: [[], []], status: [[], []], cancel: [[], []] }
  for (let round = size === 'full' ? -1 : 0; round < rounds; round++) await play(stage, client, worker, urls, round, samples)
  await client.end()
  await redis.flush()
  return outcome(samples, long)
}

async function play ({ redis, say, size }: BenchContext, client: BenchProcess, worker: BenchProcess, urls: string[], round: number, samples: Samples): Promise<void> {
  const { first, asked } = amounts[size]
  await redis.flush(SHORT_ONE)
  await client.call('forget', { which: SHORT_ONE })
  await client.call('fill', { which: SHORT_ONE, count: SHORT, remember: asked })
  const status = await client.call<number[][]>('statuses', { count: asked })
  const cancel = await client.call<number[][]>('cancels', { count: asked })
  for (const which of rotated([SHORT_ONE, LONG_ONE] as const, round + 1)) {
    const rate = rateOf(await drain(worker, { concurrency: CONCURRENCY, target: first, url: urls[which] }), first)
    if (round < 0) continue // warms up
    samples.rates[which].push(rate)
    samples.status[which].push(...status[which]!)
    samples.cancel[which].push(...cancel[which]!)
    say(`backlog, round ${round + 1}: ${which === LONG_ONE ? 'long' : 'short'} queue ${Math.round(rate)}/s`)
  }
}

function outcome ({ rates, status, cancel }: Samples, long: number): Outcome {
  const p99 = (of: number[][]): [number, number] => [percentile(of[SHORT_ONE]!, 0.99), percentile(of[LONG_ONE]!, 0.99)]
  const [ofStatus, ofCancel] = [p99(status), p99(cancel)]
  const row = (which: 0 | 1, waiting: number): Table['rows'][number] =>
    [`${waiting.toLocaleString('en-US')} waiting`, Math.round(median(rates[which])), ofStatus[which], ofCancel[which]]
  const title = `${long.toLocaleString('en-US')} waiting against ${SHORT.toLocaleString('en-US')}`
  return {
    tables: [{
      title: `A long queue, concurrency ${CONCURRENCY}`,
      note: `Status and cancel: one at a time, in turn for both queues, ${status[SHORT_ONE].length} of each.`,
      columns: ['', 'processed/s', 'status p99, ms', 'cancel p99, ms'],
      rows: [row(SHORT_ONE, SHORT), row(LONG_ONE, long)]
    }],
    bars: [
      atLeast(`${title}: throughput`, ratio(rates[LONG_ONE], rates[SHORT_ONE]), 0.9),
      atMost(`${title}: status p99`, ofStatus[LONG_ONE] / ofStatus[SHORT_ONE], 1.2),
      atMost(`${title}: cancel p99`, ofCancel[LONG_ONE] / ofCancel[SHORT_ONE], 1.2)
    ]
  }
}
