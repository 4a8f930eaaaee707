/** A long queue against a short one: throughput of the first tasks, status and cancel of the last ones. */
import { atLeast, atMost } from '../bars.ts'
import { median, percentile, ratio } from '../stats.ts'
import { actorOf, drain, inTurn, present, rateOf, type Outcome, type Size, type Stage, type Table } from '../stage.ts'
import type { Actor } from '../cast.ts'

const CONCURRENCY = 100
const SHORT = 10_000
const FILL_WITHIN = 240_000

const amounts: Record<Size, { rounds: number, long: number, first: number, asked: number }> = {
  full: { rounds: 5, long: 1_000_000, first: 8_000, asked: 1_000 },
  quick: { rounds: 2, long: 100_000, first: 6_000, asked: 400 },
  tiny: { rounds: 1, long: 12_000, first: 500, asked: 50 }
}

/** A database of its own for each: the long one is filled once. */
const databases = ['short', 'long'] as const
type Which = typeof databases[number]

interface Sample { rate: number, status: number[], cancel: number[] }

export async function backlog (stage: Stage): Promise<Outcome> {
  if (present(stage, 'ours').length === 0) return { tables: [], bars: [] }
  const { rounds, long, first, asked } = amounts[stage.size]
  const { redis, cast, say } = stage
  await redis.flush()
  const urls = databases.map((_which, i) => `${redis.url}/${i}`)
  const client = await cast.node('client', ['ours', ...urls])
  const workers: Actor[] = await Promise.all(urls.map(url => actorOf(stage, 'ours', 'worker', url)))
  await client.call('fill', { which: 1, count: long, remember: asked * (rounds + 2) }, FILL_WITHIN)
  say(`backlog: ${long} are waiting`)

  const samples = await inTurn<Which, Sample>([...databases], rounds, 1, async (which, round) => {
    const i = databases.indexOf(which)
    if (which === 'short') {
      await redis.flush(i)
      await client.call('forget', { which: i })
      await client.call('fill', { which: i, count: SHORT, remember: asked * 2 })
    }
    const status = await client.call<number[]>('statuses', { which: i, count: asked })
    const cancel = await client.call<number[]>('cancels', { which: i, count: asked })
    const rate = rateOf(await drain(workers[i]!, { concurrency: CONCURRENCY, target: first }), first)
    if (round >= 0) say(`backlog, round ${round + 1}: ${which} queue, ${Math.round(rate)}/s, status p99 ${percentile(status, 0.99).toFixed(2)} ms, cancel p99 ${percentile(cancel, 0.99).toFixed(2)} ms`)
    return { rate, status, cancel }
  })
  await Promise.all([client, ...workers].map(actor => actor.end()))
  await redis.flush()
  return outcome(samples, long)
}

function outcome (samples: Map<Which, Sample[]>, long: number): Outcome {
  const rates = (which: Which): number[] => samples.get(which)!.map(sample => sample.rate)
  const p99 = (which: Which, of: 'status' | 'cancel'): number[] => samples.get(which)!.map(sample => percentile(sample[of], 0.99))
  const row = (which: Which, waiting: number): Table['rows'][number] =>
    [`${waiting.toLocaleString('en-US')} waiting`, Math.round(median(rates(which))), median(p99(which, 'status')), median(p99(which, 'cancel'))]
  const title = `${long.toLocaleString('en-US')} waiting against ${SHORT.toLocaleString('en-US')}`
  return {
    tables: [{
      title: `A long queue, concurrency ${CONCURRENCY}`,
      columns: ['', 'processed/s', 'status p99, ms', 'cancel p99, ms'],
      rows: [row('short', SHORT), row('long', long)]
    }],
    bars: [
      atLeast(`${title}: throughput`, ratio(rates('long'), rates('short')), 0.9),
      atMost(`${title}: status p99`, ratio(p99('long', 'status'), p99('short', 'status')), 1.2),
      atMost(`${title}: cancel p99`, ratio(p99('long', 'cancel'), p99('short', 'cancel')), 1.2)
    ]
  }
}
